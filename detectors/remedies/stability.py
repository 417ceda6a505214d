"""What damps a game that circles or runs away."""

from __future__ import annotations

from gandiag.remedy import Remedy

STABILITY = (
    Remedy(
        name="lower-beta1",
        change="lower Adam's beta1 to 0.5 or 0",
        code='for group in (*opt_G.param_groups, *opt_D.param_groups):\n    group["betas"] = (0.0, group["betas"][1])',
        why="Momentum carries both players past the point where the other one turned.",
        cost="none",
        cost_level=0,
        evidence="The reference codes of PacGAN (stacked MNIST) and WGAN-GP (toy data) use 0.5; Adam's default is 0.9.",
        verified=True,
        expect="d/real/mean and d/fake/mean swing less within some 500 steps",
    ),
    Remedy(
        name="weight-averaging",
        change="sample from an average of G's weights (EMA 0.999)",
        code="with torch.no_grad():  # after each step of G; average = copy.deepcopy(G) at the start\n"
        "    for a, p in zip(average.parameters(), G.parameters()):\n"
        "        a.lerp_(p, 0.001)",
        why="If G circles around the optimum, the average is its centre; the training itself does not change.",
        cost="one copy of G; with batch normalisation its statistics must be copied, too",
        cost_level=1,
        evidence="Default of the published configurations: 0.999 in GAN_stability, 0.9999 in BigGAN.",
        verified=True,
        expect="quality/fid of the average lies below that of G after some 1,000 steps",
        recipe="ring8-ema",
    ),
    Remedy(
        name="optimistic-gradients",
        change="step along twice the gradient minus the previous one (optimistic gradient descent), for D as well",
        code="now = [p.grad.clone() for p in G.parameters()]  # between loss_G.backward() and opt_G.step()\n"
        "for p, new, old in zip(G.parameters(), now, before or now): p.grad = 2 * new - old\n"
        "before = now  # None at the start",
        why="Each player moves to where the other one is heading, which bends the circle inwards.",
        cost="one copy of the gradients",
        cost_level=1,
        evidence="In bilinear games its last iterate comes in; gradient descent circles (Daskalakis et al. 2018).",
        verified=False,
        expect="d/real/mean and d/fake/mean swing less with each turn",
        recipe="gaussian-optimistic",
    ),
    Remedy(
        name="extragradient",
        change="take a trial step of both players, and step from where they were along the gradients found there",
        code="players = [*G.parameters(), *D.parameters()]; start = [p.detach().clone() for p in players]\n"
        "train_step(); loss_of(D).backward()  # a trial step, and the gradients where it led; loss_G alike\n"
        "for p, s in zip(players, start): p.data.copy_(s)  # then opt_D.step(), opt_G.step()",
        why="Looking one step ahead, each player answers what the other is about to do.",
        cost="twice the gradients of a step",
        cost_level=2,
        evidence="Closed form: on a bilinear game with rate w a step h shrinks the distance by "
        "sqrt(1 - (h w)^2 + (h w)^4), where plain gradient descent stretches it.",
        verified=True,
        expect="d/real/mean and d/fake/mean swing less with each turn",
        recipe="ring8-extragradient",
    ),
    Remedy(
        name="consensus-optimisation",
        change="let both players also shrink both gradients",
        code="slopes = [*torch.autograd.grad(loss_G, [*G.parameters()], create_graph=True),\n"
        "          *torch.autograd.grad(loss_D, [*D.parameters()], create_graph=True)]\n"
        "loss_G = loss_G + 0.05 * sum(s.square().sum() for s in slopes)  # loss_D alike; backward(retain_graph=True)",
        why="The added term pulls straight to where both gradients are zero, across the rotation.",
        cost="a second backward pass through both networks; it is drawn to any point at rest, good or bad",
        cost_level=2,
        evidence="Closed form: on Dirac-GAN the eigenvalues move from +-0.5i to -gamma/4 +- 0.5i.",
        verified=True,
        expect="d/real/mean and d/fake/mean swing less with each turn, within some 500 steps",
        recipe="ring8-consensus",
    ),
)

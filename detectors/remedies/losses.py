"""Other losses, and the same loss computed more safely."""

from __future__ import annotations

from gandiag.remedy import Remedy

CRITICS = ("wgan", "wgan-gp")
LOGISTIC = ("minimax", "non-saturating", "other", "unknown")

LOSSES = (
    Remedy(
        name="non-saturating-loss",
        change="let G maximise log D(G(z)) in place of minimising log(1 - D(G(z)))",
        code="loss_G = F.softplus(-D(G(z))).mean()  # D without a sigmoid",
        why="Where D is sure that a sample is generated, the minimax loss is flat; this one is steepest there.",
        cost="none",
        cost_level=0,
        evidence="Closed form: where D gives a sample the probability p, the minimax gradient is p / (1 - p) times "
        "this one; at p = 0.00001 a hundred-thousandth.",
        verified=True,
        expect="feedback/norm and grad/generator/norm rise by orders of magnitude at once",
        recipe="ring8-non-saturating",
        families=("minimax",),
    ),
    Remedy(
        name="logits-loss",
        change="compute the loss on D's logits, without a sigmoid and a logarithm",
        code="loss_D = F.softplus(-d_real).mean() + F.softplus(d_fake).mean()\n"
        "loss_G = F.softplus(-D(G(z))).mean()  # D without its last sigmoid",
        why="log(1 - sigmoid(x)) is minus infinity as soon as the sigmoid rounds to 1; softplus is exact everywhere.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: in float32, 1 - sigmoid(x) is 0 from logits of 17 on, so that its logarithm is infinite.",
        verified=True,
        expect="nonfinite stays 0 from the restart on",
        recipe="ring8-non-saturating",
        families=LOGISTIC,
    ),
    Remedy(
        name="linear-end",
        change="end D in its linear layer, without the sigmoid: least squares, hinge and Wasserstein need no bounds",
        code="D = torch.nn.Sequential(D, torch.nn.Identity())  # D built without nn.Sigmoid at its end\n"
        "loss_D = (D(real) - 1).square().mean() + D(fake.detach()).square().mean()\n"
        "loss_G = (D(G(z)) - 1).square().mean()",
        why="Where D is sure a sigmoid is flat, and only a logarithm, as in BCELoss, makes up for that.",
        cost="none; D starts anew",
        cost_level=0,
        evidence="Closed form: the derivative of (sigmoid(x) - 1)^2 is 2 p (1 - p)^2 in size, 0 as p goes to 0.",
        verified=True,
        expect="feedback/norm stays within a tenth of its best level over the next 1,000 steps",
        families=("lsgan", "hinge", "wgan", "wgan-gp"),
    ),
    Remedy(
        name="label-smoothing",
        change="label real samples 0.9, not 1, in D's loss",
        code="target = torch.full_like(d_real, 0.9)\n"
        "loss_D = F.binary_cross_entropy_with_logits(d_real, target) + F.softplus(d_fake).mean()",
        why="D is no longer rewarded for being ever more certain, so that its outputs stay where losses are not flat.",
        cost="none",
        cost_level=0,
        evidence="Closed form: where only real samples lie, the best logit is log(0.9 / 0.1) = 2.2, not infinity.",
        verified=True,
        expect="d/real/mean settles near 2 within some 500 steps",
        recipe="ring8-label-smoothing",
        families=LOGISTIC,
    ),
    Remedy(
        name="wgan-gp",
        change="train a Wasserstein critic with a gradient penalty in place of this loss and its clipping",
        code="x = real.lerp(fake.detach(), torch.rand(len(real), *[1] * (real.dim() - 1)).to(real)).requires_grad_()\n"
        "slope = torch.autograd.grad(D(x).sum(), x, create_graph=True)[0].flatten(1).norm(dim=1)\n"
        "loss_D, loss_G = d_fake.mean() - d_real.mean() + 10 * (slope - 1).square().mean(), -D(G(z)).mean()",
        why="The critic's slope between real and generated samples is held near 1, so that it neither saturates nor "
        "explodes, and tells G the direction wherever its samples are.",
        cost="a second backward pass through D, 1.5 to 2 times its time; no batch normalisation in D",
        cost_level=2,
        evidence="Of 200 random architectures 147 trained with this alone, none with the standard GAN alone "
        "(Gulrajani et al. 2017).",
        verified=False,
        expect="penalty/norm settles near 1 and feedback/norm stops falling within some 500 steps",
        recipe="ring8-wgan-gp",
        not_for=("wgan-gp",),
    ),
    Remedy(
        name="relativistic-loss",
        change="let D compare each generated sample with a real one, in both losses",
        code="loss_D = F.softplus(D(fake.detach()) - d_real).mean()\n"
        "loss_G = F.softplus(d_real.detach() - D(G(z))).mean()",
        why="G is judged by how it stands against real samples, so that its gradient does not end with D's certainty "
        "about one kind.",
        cost="real samples in G's step",
        cost_level=1,
        evidence="With a gradient penalty, FID 25.6 on CIFAR-10 at one step of D (Jolicoeur-Martineau 2019).",
        verified=False,
        expect="d/auc falls below 0.95 within some 1,000 steps",
        recipe="ring8-rsgan",
        not_for=("relativistic", *CRITICS),
    ),
)

"""Corrected lines, where losses, inputs or networks of the loop are not what they are meant to be."""

from __future__ import annotations

from gandiag.remedy import Remedy

LOOP = (
    Remedy(
        name="generator-target",
        change="have G's loss ask D for what D is asked for on real samples: swap the target, or the sign, of G's loss",
        code="loss_D = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()\n"
        "loss_G = F.softplus(-D(fake)).mean()  # the real target; of a Wasserstein loss: -D(fake).mean()",
        why="G is to make samples that D calls real; at present it is asked for ones that D calls generated.",
        cost="none",
        cost_level=0,
        evidence="Closed form: the two losses have opposite derivatives by D's outputs on generated samples.",
        verified=True,
        expect="pull/agreement is -1 at once, distance/energy falls within some 500 steps",
    ),
    Remedy(
        name="discriminator-targets",
        change="give D's loss one target for real samples and the other one for generated samples",
        code="loss_D = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()\n"
        "# with targets: bce(D(real), ones) + bce(D(fake.detach()), zeros)",
        why="A D that is asked for one answer to everything learns nothing that could tell G anything.",
        cost="none",
        cost_level=0,
        evidence="Closed form: with equal targets the best D is constant.",
        verified=True,
        expect="pull/apart is 1 at once, d/auc rises above 0.6 within some 200 steps",
    ),
    Remedy(
        name="scale-data",
        change="scale the data to the range in which G's outputs lie, once, by numbers of the whole data set",
        code="low, high = real.amin(), real.amax()  # of the whole data set; of a table by column: real.amin(0)\n"
        "real = (real - low) / (high - low) * 2 - 1  # for a G that ends in tanh; keep low and high for the way back",
        why="No G can reach values beyond its last layer, and one without a bound needs thousands of steps for it.",
        cost="none",
        cost_level=0,
        evidence="Closed form: tanh lies in [-1, 1], the sigmoid in [0, 1].",
        verified=True,
        expect="range/real/max and range/fake/max agree to some 10 % within 500 steps, d/auc falls below 0.98",
    ),
    Remedy(
        name="finite-data",
        change="leave out, or repair, the samples that are not finite, where the data are made",
        code="real = real[torch.isfinite(real.flatten(1)).all(dim=1)]\n"
        "assert torch.isfinite(real).all()  # of the whole data set, before training",
        why="One NaN in a batch makes D's loss, its gradient and after one step all its weights NaN.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: whatever is added to NaN is NaN.",
        verified=True,
        expect="range/real/nonfinite is 0 throughout, and nonfinite with it",
    ),
    Remedy(
        name="fresh-latents",
        change="draw new noise for every step, and keep a fixed batch for pictures only",
        code="z = torch.randn_like(z)  # inside the loop\nfake = G(z)",
        why="G is trained on what it is given: on one batch of noise it learns so many samples by heart.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: a fixed batch of n latents shows n samples, however long it trains.",
        verified=True,
        expect="input/repeated is 0 at once",
    ),
    Remedy(
        name="one-sigmoid",
        change="apply one sigmoid: end D in a linear layer under a loss of logits, or keep nn.Sigmoid with BCELoss",
        code="D = torch.nn.Sequential(D, torch.nn.Identity())  # D built without nn.Sigmoid at its end\n"
        "loss_D = F.binary_cross_entropy_with_logits(D(real), torch.ones_like(d_real)) \\\n"
        "    + F.binary_cross_entropy_with_logits(D(fake.detach()), torch.zeros_like(d_fake))",
        why="A sigmoid of a probability lies between 0.5 and 0.73: the loss can never be small, and D's saturates.",
        cost="none; D starts anew",
        cost_level=0,
        evidence="Closed form: the sum of both losses is never below 1.006.",
        verified=True,
        expect="d/fake/min falls below 0 within some 100 steps, feedback/norm stays above 0",
    ),
    Remedy(
        name="same-mode",
        change="keep each network in the same mode in both updates, and switch it for pictures and evaluation only",
        code="G.train(); D.train()  # before the loop, and after each evaluation\n"
        "fake = G(z)  # in D's update and in G's own alike, without G.eval() in between",
        why="BatchNorm and Dropout make another generator in evaluation mode: D answers about one, and the other is "
        "trained.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: batch statistics in training mode, running ones in evaluation mode.",
        verified=True,
        expect="mode/<net>/switched is 0 at once",
    ),
    Remedy(
        name="labels-of-the-data",
        change="give G labels as the data have them: those of the real batch, or drawn anew from all classes",
        code="labels = torch.randint(classes, (len(z),), device=z.device)  # 0 to classes - 1, or those of the data\n"
        "# fake = G(z, labels); d_fake = D(fake.detach(), labels)",
        why="G learns no class that it is never asked for; a label that only its samples have gives them away.",
        cost="none",
        cost_level=0,
        evidence="Mirza & Osindero 2014: both sides are given conditions of one distribution.",
        verified=False,
        expect="condition/lost and condition/foreign fall towards 0 in a new run",
    ),
    Remedy(
        name="same-labels",
        change="draw labels once for each batch, and give the same ones to G and, with its samples, to D",
        code="labels = torch.randint(classes, (len(z),), device=z.device)  # once for the batch\n"
        "# fake = G(z, labels); d_fake = D(fake.detach(), labels)  # not drawn again, nor those of the real batch",
        why="Samples with labels of others teach D that labels mean nothing, and G then ignores them.",
        cost="none",
        cost_level=0,
        evidence="Mirza & Osindero 2014: D judges a sample together with the condition that it was made under.",
        verified=False,
        expect="condition/agreement is 1 at once",
    ),
    Remedy(
        name="one-instance",
        change="use one instance of each network everywhere: in its own update, and in its opponent's",
        code="loss_D = F.softplus(-D(real)).mean() + F.softplus(D(G(z).detach())).mean()\n"
        "loss_G = F.softplus(-D(G(z))).mean()  # the D and the G that the optimizers hold, not copies of them",
        why="A copy does not follow what is learned: its opponent soon beats it, and is told nothing of the real game.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: a copy that no optimizer updates does not change.",
        verified=True,
        expect="copied/<net> is 0 at once",
    ),
    Remedy(
        name="norm-per-sample",
        change="take the norm of D's gradient over all of a sample: flatten it first",
        code="slope = (slopes.flatten(1).square().sum(1) + 1e-12).sqrt()  # (N,): one norm per sample\n"
        "loss_D = loss_D + 10 * (slope - 1).square().mean()",
        why="A norm over one axis asks every row or pixel for a slope of 1: the whole sample's is then the square root "
        "of their number.",
        cost="none",
        cost_level=0,
        evidence="Closed form: the norm of n values of size 1 is sqrt(n).",
        verified=True,
        expect="penalty/along is 1 at once, penalty/norm settles near 1 within some 500 steps",
    ),
    Remedy(
        name="whole-loss",
        change="backpropagate the whole of D's loss: its terms on real and generated samples, and the penalty",
        code="loss_D = d_fake.mean() - d_real.mean() + 10 * (slope - 1).square().mean()\n"
        "# opt_D.zero_grad(); loss_D.backward(); opt_D.step()",
        why="D is updated by the gradients that are there: without a backward pass of its loss by the penalty's alone.",
        cost="none",
        cost_level=0,
        evidence="Arithmetic: a term without a backward pass has no gradient.",
        verified=True,
        expect="penalty/alone is 0 at once, d/auc rises above 0.6 within some 200 steps",
    ),
    Remedy(
        name="bound-the-critic",
        change="bound the critic after each of its updates, or add a gradient penalty to its loss",
        code="for p in D.parameters():\n    p.data.clamp_(-0.03, 0.03)  # right after opt_D.step()\n"
        "# or, better: loss_D = loss_D + 10 * (slope - 1).square().mean()",
        why="A Wasserstein loss rewards a steep critic without limit: its outputs and G's gradients grow for ever.",
        cost="none",
        cost_level=0,
        evidence="Closed form: twice the critic has twice the loss. Arjovsky et al. 2017 clip its weights.",
        verified=True,
        expect="d/lipschitz stops growing within some 200 steps",
    ),
)

"""One mistake of each kind as people write it: docs/gallery.md is made of them, and they are cases as all others."""

from __future__ import annotations

from .snippets import LOOP, Code, Example, example

ORDINARY = Code()
example(
    "detached_for_g",
    "not-learning",
    "detach-for-d-only",
    Example(
        "samples are detached in G's step as well",
        ORDINARY.changed(("loss_G = F.softplus(-D(G(z())))", "loss_G = F.softplus(-D(G(z()).detach()))")),
    ),
)
example(
    "copy_of_d",
    "stale-copy",
    "one-instance",
    Example(
        "G is trained against a copy of D that was made before the loop",
        Code("old = copy.deepcopy(D)").changed(("-D(G(z()))", "-old(G(z()))")),
    ),
)
example(
    "wrong_target",
    "same-direction",
    "generator-target",
    Example(
        "G's loss has D's target for generated samples",
        ORDINARY.changed(("-D(G(z()))", "D(G(z()))")),
    ),
)
example(
    "both_hold_both",
    "shared-update",
    "one-optimizer-each",
    Example(
        "both optimizers hold the parameters of both networks",
        Code("opt_G, opt_D = adam(nn.ModuleList([G, D])), adam(nn.ModuleList([G, D]))"),
        Code("opt_G, opt_D = adam(G), adam(D)"),
    ),
)
PIXELS = Code(
    "G = mlp(4, 2, nn.Tanh())\n"
    "opt_G = adam(G, 1e-2)\n"
    "pixels = lambda: (255 * torch.sigmoid(2 * torch.randn(16, 2) + 4)).round()\n"
    "real = lambda: pixels() / 127.5 - 1"
)
example(
    "bytes_and_tanh",
    "input-mismatch",
    "scale-data",
    Example(
        "images in 0 to 255, a G that ends in tanh",
        PIXELS.changed(("real = lambda: pixels() / 127.5 - 1", "real = pixels")),
        PIXELS,
    ),
)
example(
    "noise_drawn_once",
    "repeated-latents",
    "fresh-latents",
    Example(
        "noise is drawn once, before the loop",
        Code("noise = z()", LOOP.replace("z()", "noise")),
    ),
)
LOGITS = Code(
    "D = mlp(2, 1)\n"
    "opt_D = adam(D, 1e-2)\n"
    "bce = nn.BCEWithLogitsLoss()\n"
    "ones, zeros = torch.ones(16, 1), torch.zeros(16, 1)",
    LOOP.replace(
        "F.softplus(-D(real())).mean() + F.softplus(D(G(z()).detach())).mean()",
        "bce(D(real()), ones) + bce(D(G(z()).detach()), zeros)",
    ).replace("F.softplus(-D(G(z()))).mean()", "bce(D(G(z())), ones)"),
)
example(
    "two_sigmoids",
    "double-sigmoid",
    "one-sigmoid",
    Example(
        "D ends in a sigmoid, under BCEWithLogitsLoss",
        LOGITS.changed(("D = mlp(2, 1)", "D = mlp(2, 1, nn.Sigmoid())")),
        LOGITS,
    ),
)
NORMED = Code("G = nn.Sequential(nn.Linear(4, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 2))\nopt_G = adam(G)")
example(
    "g_evaluates_for_d",
    "mode-switch",
    "same-mode",
    Example(
        "G is in evaluation mode where it makes what D is trained on",
        NORMED.changed(("loss_D =", "G.eval()\nloss_D ="), ("loss_G =", "G.train()\nloss_G =")),
        NORMED,
    ),
)
LABELLED = Code(
    "class Labelled(nn.Module):\n"
    "    def __init__(self, inputs, outputs):\n"
    "        super().__init__()\n"
    "        self.body = mlp(inputs + 3, outputs)\n\n"
    "    def forward(self, x, labels):\n"
    "        return self.body(torch.cat([x, F.one_hot(labels, 3)], 1))\n\n\n"
    "G, D = Labelled(4, 2), Labelled(2, 1)\n"
    "opt_G, opt_D = adam(G), adam(D)",
    "labels = torch.randint(3, (16,))\n"
    "given = labels\n"
    "loss_D = F.softplus(-D(real(), labels)).mean() + F.softplus(D(G(z(), given).detach(), given)).mean()\n"
    "opt_D.zero_grad()\n"
    "loss_D.backward()\n"
    "opt_D.step()\n"
    "loss_G = F.softplus(-D(G(z(), given), given)).mean()\n"
    "opt_G.zero_grad()\n"
    "loss_G.backward()\n"
    "opt_G.step()",
)
example(
    "one_label",
    "label-mismatch",
    "labels-of-the-data",
    Example(
        "G is given one class always",
        LABELLED.changed(("given = labels", "given = torch.zeros(16, dtype=torch.long)")),
        LABELLED,
    ),
)
PENALISED = Code(
    "G, D = mlp(4, 16, nn.Unflatten(1, (1, 4, 4))), nn.Sequential(nn.Flatten(), mlp(16, 1))\n"
    "opt_G, opt_D = adam(G), adam(D, 1e-2)\n"
    "real = lambda: torch.randn(16, 1, 4, 4) + 1",
    "x, fake = real(), G(z()).detach()\n"
    "at = torch.lerp(x, fake, torch.rand(16, 1, 1, 1)).requires_grad_()\n"
    "(slopes,) = torch.autograd.grad(D(at).sum(), at, create_graph=True)\n"
    "norm = (slopes.flatten(1).square().sum(1) + 1e-12).sqrt()\n"
    "loss_D = D(fake).mean() - D(x).mean() + 10 * (norm - 1).square().mean()\n"
    "opt_D.zero_grad()\n"
    "loss_D.backward()\n"
    "opt_D.step()\n"
    "loss_G = -D(G(z())).mean()\n"
    "opt_G.zero_grad()\n"
    "loss_G.backward()\n"
    "opt_G.step()",
)
example(
    "norm_over_channels",
    "penalty-error",
    "norm-per-sample",
    Example(
        "the norm of D's gradient is taken over the channels alone",
        PENALISED.changed(("slopes.flatten(1).square()", "slopes.square()")),
        PENALISED,
    ),
)
example(
    "slow_d",
    "learning-rates",
    "rates-of-one-scale",
    Example(
        "D has a rate of 5e-7 in place of 5e-4",
        Code("opt_D = adam(D, 5e-7)"),
        Code("opt_D = adam(D, 5e-4)"),
    ),
)
example(
    "d_in_every_25th",
    "update-ratio",
    "count-updates",
    Example(
        "the condition stands before D's update in place of G's",
        ORDINARY.changed(
            ("loss_D =", "if step % 25 == 0:\n    loss_D ="),
            *((line, f"    {line}") for line in ("opt_D.zero_grad()", "loss_D.backward()", "opt_D.step()")),
        ),
    ),
    severity="warning",
)

"""What makes G cover the data."""

from __future__ import annotations

from gandiag.remedy import Remedy

VARIETY = (
    Remedy(
        name="packing",
        change="let D judge two to four samples at once (PacGAN)",
        code="pack = lambda x: x.reshape(len(x) // 2, 2 * x.shape[1], *x.shape[2:])\n"
        "d_real, d_fake = D(pack(real)), D(pack(fake))  # D's first layer takes twice the channels",
        why="D sees when samples are too alike, so covering only one mode no longer pays.",
        cost="a first layer of D twice to four times as wide, fewer verdicts per batch, a training from the start",
        cost_level=2,
        evidence="Stacked MNIST: 79 of 1,000 modes to all 1,000, KL 4.50 to 0.06 (Lin et al. 2018, table 2).",
        verified=True,
        expect="diversity/ratio rises above 0.8 and modes/captured grows within a fifth of the run",
        recipe="ring8-pacgan2",
    ),
    Remedy(
        name="minibatch-stddev",
        change="show D how much its batch varies (minibatch standard deviation)",
        code="spread = features.std(dim=0).mean().expand(len(features), 1)\n"
        "features = torch.cat([features, spread], dim=1)  # before D's last layer, one input wider",
        why="D then spots a batch of equal samples at a glance.",
        cost="D's verdict depends on the whole batch; D's last layer starts anew, and so does the training",
        cost_level=2,
        evidence="Inception Score on CIFAR-10 8.09 with minibatch features, 3.87 without (Salimans et al. 2016).",
        verified=False,
        expect="diversity/ratio rises above 0.8 within some 1,000 steps",
        recipe="ring8-minibatch-std",
    ),
    Remedy(
        name="unrolled-gan",
        change="let G's loss look five steps of D ahead",
        code="ahead = copy.deepcopy(D); look = torch.optim.SGD(ahead.parameters(), lr=0.1)\n"
        "for _ in range(5): look.zero_grad(); loss_of(ahead).backward(); look.step()\n"
        "loss_G = F.softplus(-ahead(G(z))).mean()",
        why="Moving all samples to one mode does not pay when D's answer is already part of the loss.",
        cost="six times the time of a step; the code leaves out the gradient through D's steps, which the paper has",
        cost_level=3,
        evidence="Stacked MNIST, D a quarter of G: 31 modes to 327 with ten steps (Lin et al. 2018, table 3).",
        verified=True,
        expect="modes/turnover falls and modes/captured grows within a fifth of the run",
        recipe="ring8-unrolled",
        families=("minimax", "non-saturating", "other", "unknown"),
    ),
    Remedy(
        name="reconstruct-latents",
        change="train an encoder E that recovers each sample's latent, and penalise G for what E cannot recover",
        code="loss_G = loss_G + (E(G(z)) - z).square().mean()",
        why="Latents that all give one sample cannot be told apart again, which G now pays for.",
        cost="one more network",
        cost_level=3,
        evidence="Stacked MNIST: 99 modes of a DCGAN to 150 (Srivastava et al. 2017, table in akashgit/VEEGAN).",
        verified=True,
        expect="diversity/ratio rises within a fifth of the run",
        recipe="vae-gan-digits",
    ),
    Remedy(
        name="mode-seeking",
        change="penalise G for drawing the same sample from different latents",
        code="other = torch.randn_like(z)\n"
        "apart = (G(z) - G(other)).abs().mean() / (z - other).abs().mean()\n"
        "loss_G = loss_G + 1 / (apart + 1e-5)",
        why="A conditional G that ignores its latent is paid for nothing else than the label; now it must use both.",
        cost="two more forward passes of G",
        cost_level=1,
        evidence="More diverse samples at the same FID on several conditional tasks (Mao et al. 2019).",
        verified=False,
        expect="diversity/class/<class> and diversity/ratio rise within some 500 steps",
        recipe="mode-seeking-digits",
    ),
    Remedy(
        name="projection-discriminator",
        change="let D compare its features with an embedding of the class",
        code="embedding = torch.nn.Embedding(classes, features.shape[1])  # a part of D\n"
        "logits = head(features).squeeze(1) + (embedding(labels) * features).sum(1)",
        why="D judges each sample for its own class, so that G has to draw every class.",
        cost="labels, an embedding, and a training from the start",
        cost_level=2,
        evidence="FID on CIFAR-10 in one code base: 16.8 without labels, 10.8 with this (README of kwotsin/mimicry).",
        verified=True,
        expect="diversity/class/<class> are alike and modes/tv falls within a fifth of the run",
        recipe="projection-digits",
    ),
    Remedy(
        name="training-by-sampling",
        change="draw categories by the logarithm of how often they occur, and ask G for them (CTGAN)",
        code="rows = torch.multinomial(((n := labels.bincount()).log1p() / n)[labels], len(labels), replacement=True)\n"
        "real, condition = real[rows], F.one_hot(labels[rows], classes)  # condition: one more input of G and of D",
        why="A rare category comes up often then, and G is asked for it by name: leaving it out no longer pays.",
        cost="G and D take the category as one more input, and a training from the start",
        cost_level=2,
        evidence="Beats a Bayesian network on 7 of 8 real tables, TableGAN on 3 (Xu et al. 2019, table 1).",
        verified=True,
        expect="columns/unreached falls to 0 within some 1,000 steps",
    ),
)

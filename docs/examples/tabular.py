"""A table, in the manner of CTGAN: packs of rows, Gumbel-softmax, WGAN-GP, in a trainer that keeps its networks."""

import sys

import torch
from torch import nn
from torch.nn.functional import gumbel_softmax

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
PACK = 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(16, 64),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Linear(64, 5),
        )

    def forward(self, z):
        return self.body(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(5 * PACK, 64),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.5),
            nn.Linear(64, 64),
            nn.LeakyReLU(0.2),
            nn.Linear(64, 1),
        )

    def forward(self, rows):
        return self.body(rows.reshape(-1, 5 * PACK))


class TableGAN:
    """Two numbers and a category of three in a row; hands out no network."""

    def fit(self, table, steps):
        G, D = Generator(), Discriminator()
        opt_G = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.9), weight_decay=1e-6)
        opt_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.9), weight_decay=1e-6)
        for _ in range(steps):
            real = table[torch.randint(len(table), (128,))]
            fake = self.activated(G(torch.randn(128, 16)))
            opt_D.zero_grad()
            on_fake, on_real = D(fake), D(real)
            self.penalty(D, real, fake).backward(retain_graph=True)
            (on_fake.mean() - on_real.mean()).backward()
            opt_D.step()

            fake = self.activated(G(torch.randn(128, 16)))
            opt_G.zero_grad()
            (-D(fake).mean()).backward()
            opt_G.step()

    @staticmethod
    def activated(out):
        return torch.cat([out[:, :2].tanh(), gumbel_softmax(out[:, 2:], tau=0.2)], dim=1)

    @staticmethod
    def penalty(D, real, fake):
        share = torch.rand(len(real) // PACK, 1, 1).expand(-1, PACK, 5).reshape(-1, 5)
        between = share * real + (1 - share) * fake
        (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
        return 10 * ((slope.reshape(-1, 5 * PACK).norm(dim=1) - 1) ** 2).mean()


torch.manual_seed(0)
kind = torch.randint(3, (2000,))
numbers = (torch.tensor([[-0.6, 0.2], [0.1, 0.6], [0.5, -0.5]])[kind] + 0.1 * torch.randn(2000, 2)).clamp(-1, 1)
table = torch.cat([numbers, torch.eye(3)[kind]], dim=1)

callback = gandiag.watch_modules(Generator, Discriminator, run_dir="runs/tabular")  # watch
TableGAN().fit(table, STEPS)
callback.close()  # watch

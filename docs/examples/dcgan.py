"""DCGAN on scikit-learn's digits, enlarged to 16x16, as torch's tutorial has it."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import interpolate

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

torch.manual_seed(0)
digits = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
digits = interpolate(digits, 16, mode="bilinear")

G = nn.Sequential(
    nn.ConvTranspose2d(32, 64, 4, bias=False),
    nn.BatchNorm2d(64),
    nn.ReLU(),
    nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.ConvTranspose2d(32, 1, 4, 2, 1),
    nn.Tanh(),
)
D = nn.Sequential(
    nn.Conv2d(1, 32, 4, 2, 1),
    nn.LeakyReLU(0.2),
    nn.Conv2d(32, 64, 4, 2, 1, bias=False),
    nn.BatchNorm2d(64),
    nn.LeakyReLU(0.2),
    nn.Conv2d(64, 1, 4),
    nn.Flatten(0),
)
opt_G = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
callback = gandiag.attach(G, D, run_dir="runs/dcgan")  # watch

for _ in range(STEPS):
    real = digits[torch.randint(len(digits), (32,))]
    fake = G(torch.randn(32, 32, 1, 1))

    opt_D.zero_grad()
    on_real = D(real)
    bce(on_real, torch.ones_like(on_real)).backward()
    on_fake = D(fake.detach())
    bce(on_fake, torch.zeros_like(on_fake)).backward()
    opt_D.step()

    opt_G.zero_grad()
    on_fake = D(fake)
    bce(on_fake, torch.ones_like(on_fake)).backward()
    opt_G.step()

callback.close()  # watch

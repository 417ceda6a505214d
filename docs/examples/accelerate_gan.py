"""Accelerate: prepared networks and optimizers, watched after `prepare`."""

import sys

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import softplus

from gandiag.integrations import accelerate as gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

torch.manual_seed(0)
digits = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1
G = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh())
D = nn.Sequential(nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))
opt_G = torch.optim.Adam(G.parameters(), lr=5e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=5e-4, betas=(0.5, 0.999))

accelerator = Accelerator(cpu=True)
G, D, opt_G, opt_D = accelerator.prepare(G, D, opt_G, opt_D)
gandiag.attach(accelerator, G, D, run_dir="runs/accelerate")  # watch

for step in range(STEPS):
    real = digits[torch.randint(len(digits), (64,))]
    fake = G(torch.randn(64, 32))
    d_loss = softplus(-D(real)).mean() + softplus(D(fake.detach())).mean()
    opt_D.zero_grad()
    accelerator.backward(d_loss)
    opt_D.step()

    g_loss = softplus(-D(fake)).mean()
    opt_G.zero_grad()
    accelerator.backward(g_loss)
    opt_G.step()
    accelerator.log({"g_loss": g_loss.item(), "d_loss": d_loss.item()}, step=step)

accelerator.end_training()

"""Ignite: an engine whose function returns both losses, watched by a handler."""

import sys

import torch
from ignite.engine import Engine
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import softplus

from gandiag.integrations.ignite import Gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

torch.manual_seed(0)
digits = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1
G = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh())
D = nn.Sequential(nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))
opt_G = torch.optim.Adam(G.parameters(), lr=5e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=5e-4, betas=(0.5, 0.999))


def step(_, real):
    fake = G(torch.randn(len(real), 32))
    d_loss = softplus(-D(real)).mean() + softplus(D(fake.detach())).mean()
    opt_D.zero_grad()
    d_loss.backward()
    opt_D.step()

    g_loss = softplus(-D(fake)).mean()
    opt_G.zero_grad()
    g_loss.backward()
    opt_G.step()
    return {"g_loss": g_loss.item(), "d_loss": d_loss.item()}


batches = (digits[torch.randint(len(digits), (64,))] for _ in range(STEPS))
trainer = Engine(step)
Gandiag(G, D, run_dir="runs/ignite").attach(trainer)  # watch
trainer.run(batches, epoch_length=STEPS)

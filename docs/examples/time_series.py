"""Time series: recurrent networks that make and judge damped waves (batch, 24 steps, 2 channels)."""

import sys

import torch
from torch import nn
from torch.nn.functional import softplus

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000

torch.manual_seed(0)


def waves(n):
    time = torch.linspace(0, 1, 24)[None, :, None]
    speed, phase = 4 + 8 * torch.rand(n, 1, 1), 6.3 * torch.rand(n, 1, 1)
    both = torch.cat([(speed * time + phase).sin(), (speed * time + phase).cos()], dim=2)
    return both * (-time * torch.rand(n, 1, 1)).exp() + 0.02 * torch.randn(n, 24, 2)


class Recurrent(nn.Module):
    def __init__(self, inputs, outputs, *, last):
        super().__init__()
        self.cell, self.head, self.last = nn.GRU(inputs, 32, batch_first=True), nn.Linear(32, outputs), last

    def forward(self, x):
        hidden, _ = self.cell(x)
        return self.head(hidden[:, -1] if self.last else hidden)


G, D = Recurrent(8, 2, last=False), Recurrent(2, 1, last=True)
opt_G = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
callback = gandiag.attach(G, D, run_dir="runs/time-series")  # watch

for _ in range(STEPS):
    fake = G(torch.randn(32, 24, 8))
    loss = softplus(-D(waves(32))).mean() + softplus(D(fake.detach())).mean()
    opt_D.zero_grad()
    loss.backward()
    opt_D.step()

    loss = softplus(-D(fake)).mean()
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()

callback.close()  # watch

"""WGAN-GP on scikit-learn's digits: five updates of the critic per update of G, and a gradient penalty."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000

torch.manual_seed(0)
digits = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1

G = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh())
critic = nn.Sequential(nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))
opt_G = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.0, 0.9))
opt_critic = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.0, 0.9))
callback = gandiag.attach(G, critic, run_dir="runs/wgan-gp")  # watch


def penalty(real, fake):
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return 10 * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()


for _ in range(STEPS):
    for _ in range(5):
        real = digits[torch.randint(len(digits), (64,))]
        fake = G(torch.randn(64, 32)).detach()
        loss = critic(fake).mean() - critic(real).mean() + penalty(real, fake)
        opt_critic.zero_grad()
        loss.backward()
        opt_critic.step()

    loss = -critic(G(torch.randn(64, 32))).mean()
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()

callback.close()  # watch

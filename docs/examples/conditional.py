"""A conditional GAN on scikit-learn's digits: G and D are told the class."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import softplus

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

torch.manual_seed(0)
data = load_digits()
images = torch.tensor(data.data, dtype=torch.float32) / 8 - 1
classes = torch.tensor(data.target)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.body = nn.Sequential(
            nn.Linear(48, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh()
        )

    def forward(self, z, label):
        return self.body(torch.cat([z, self.embed(label)], dim=1))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.body = nn.Sequential(nn.Linear(80, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))

    def forward(self, image, label):
        return self.body(torch.cat([image, self.embed(label)], dim=1))


G, D = Generator(), Discriminator()
opt_G = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
callback = gandiag.attach(G, D, run_dir="runs/conditional")  # watch

for _ in range(STEPS):
    rows = torch.randint(len(images), (64,))
    real, label = images[rows], classes[rows]
    asked = torch.randint(10, (64,))
    fake = G(torch.randn(64, 32), asked)

    loss = softplus(-D(real, label)).mean() + softplus(D(fake.detach(), asked)).mean()
    opt_D.zero_grad()
    loss.backward()
    opt_D.step()

    loss = softplus(-D(fake, asked)).mean()
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()

callback.close()  # watch

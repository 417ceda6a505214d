"""Pix2pix in small: from the outline of a digit to the digit, with a patch discriminator and an L1 term."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import interpolate, l1_loss, max_pool2d

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

torch.manual_seed(0)
digits = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
digits = interpolate(digits, 16, mode="bilinear")
ink = (digits > 0).float()
outlines = (max_pool2d(ink, 3, 1, 1) - ink) * 2 - 1


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2))
        self.deep = nn.Sequential(
            nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.Dropout(0.5), nn.ReLU()
        )
        self.up = nn.Sequential(nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh())

    def forward(self, image):
        low = self.down(image)
        return self.up(torch.cat([low, self.deep(low)], dim=1))


G = UNet()
D = nn.Sequential(  # of pairs (outline, digit), one judgement for each patch
    nn.Conv2d(2, 16, 4, 2, 1),
    nn.LeakyReLU(0.2),
    nn.Conv2d(16, 32, 4, 2, 1),
    nn.LeakyReLU(0.2),
    nn.Conv2d(32, 1, 3, 1, 1),
)
opt_G = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
callback = gandiag.attach(G, D, run_dir="runs/pix2pix")  # watch

for _ in range(STEPS):
    rows = torch.randint(len(digits), (16,))
    outline, real = outlines[rows], digits[rows]
    fake = G(outline)

    on_fake = D(torch.cat([outline, fake], dim=1).detach())
    on_real = D(torch.cat([outline, real], dim=1))
    loss = (bce(on_fake, torch.zeros_like(on_fake)) + bce(on_real, torch.ones_like(on_real))) / 2
    opt_D.zero_grad()
    loss.backward()
    opt_D.step()

    on_fake = D(torch.cat([outline, fake], dim=1))
    loss = bce(on_fake, torch.ones_like(on_fake)) + 10 * l1_loss(fake, real)
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()

callback.close()  # watch

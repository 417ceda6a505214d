"""StyleGAN in small: a mapping and a synthesis network called one after the other, lazy R1, an average of G."""

import copy
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import softplus

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
LAZY = 16  # R1 in every 16th step

torch.manual_seed(0)
digits = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1


class Synthesis(nn.Module):
    """Starts from a learned constant; each layer is modulated by the style."""

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 32, 4, 4))
        self.styles = nn.ModuleList(nn.Linear(32, 32) for _ in range(2))
        self.layers = nn.ModuleList(nn.Conv2d(32, 32, 3, 1, 1) for _ in range(2))
        self.to_image = nn.Conv2d(32, 1, 1)

    def forward(self, w):
        x = self.start.expand(len(w), -1, -1, -1)
        for place, (style, layer) in enumerate(zip(self.styles, self.layers, strict=True)):
            x = nn.functional.interpolate(x, scale_factor=2) if place == 1 else x
            x = layer(x * (1 + style(w))[:, :, None, None])
            x = nn.functional.leaky_relu(nn.functional.instance_norm(x), 0.2)
        return self.to_image(x)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2))
        self.synthesis = Synthesis()


G = Generator()
D = nn.Sequential(
    nn.Conv2d(1, 32, 4, 2, 1),
    nn.LeakyReLU(0.2),
    nn.Conv2d(32, 64, 4, 2, 1),
    nn.LeakyReLU(0.2),
    nn.Flatten(),
    nn.Linear(256, 1),
)
average = copy.deepcopy(G).eval()
opt_G = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.99))
opt_D = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.99))
callback = gandiag.attach({"mapping": G.mapping, "synthesis": G.synthesis}, D, run_dir="runs/stylegan")  # watch

for step in range(STEPS):
    D.requires_grad_(False)
    G.requires_grad_(True)
    loss = softplus(-D(G.synthesis(G.mapping(torch.randn(32, 32))))).mean()
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()

    D.requires_grad_(True)
    G.requires_grad_(False)
    opt_D.zero_grad()
    softplus(D(G.synthesis(G.mapping(torch.randn(32, 32))))).mean().backward()
    real = digits[torch.randint(len(digits), (32,))]
    softplus(-D(real)).mean().backward()
    opt_D.step()

    if step % LAZY == 0:
        real = real.detach().requires_grad_()
        (slope,) = torch.autograd.grad(D(real).sum(), real, create_graph=True)
        opt_D.zero_grad()
        (0.5 * LAZY * slope.square().sum((1, 2, 3)).mean()).backward()
        opt_D.step()

    with torch.no_grad():
        for kept, new in zip(average.parameters(), G.parameters(), strict=True):
            kept.lerp_(new, 0.01)

callback.close()  # watch

"""A vocoder in small: from frames to a waveform, judged on three scales, with feature matching, as in MelGAN."""

import sys

import torch
from torch import nn
from torch.nn.functional import avg_pool1d, l1_loss, relu

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000

torch.manual_seed(0)


def speech(n):
    """Frames (n, 8, 16) and the waveform (n, 1, 256) that belongs to them."""
    time = torch.arange(256) / 256
    pitch, loud = 4 + 20 * torch.rand(n, 1), 0.3 + 0.6 * torch.rand(n, 1)
    wave = loud * (6.283 * pitch * time + 6.283 * torch.rand(n, 1)).sin() + 0.01 * torch.randn(n, 256)
    frames = wave.reshape(n, 16, 16)[:, :, ::2].transpose(1, 2).abs()
    return frames, wave[:, None]


class Scale(nn.Module):
    """Features of each layer, a map of scores last."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Conv1d(1, 16, 15, 4, 7), nn.Conv1d(16, 32, 11, 4, 5), nn.Conv1d(32, 1, 3, 1, 1)]
        )

    def forward(self, x):
        found = []
        for layer in self.layers:
            x = layer(x)
            x = x if layer is self.layers[-1] else nn.functional.leaky_relu(x, 0.2)
            found.append(x)
        return found


class MultiScale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = nn.ModuleList(Scale() for _ in range(3))

    def forward(self, x):
        found = []
        for scale in self.scales:
            found.append(scale(x))
            x = avg_pool1d(x, 4, 2, 1)
        return found


G = nn.Sequential(
    nn.Conv1d(8, 32, 7, 1, 3), nn.LeakyReLU(0.2), nn.ConvTranspose1d(32, 16, 8, 4, 2), nn.LeakyReLU(0.2),
    nn.ConvTranspose1d(16, 16, 8, 4, 2), nn.LeakyReLU(0.2), nn.Conv1d(16, 1, 7, 1, 3), nn.Tanh(),
)  # fmt: skip
D = MultiScale()
opt_G = torch.optim.Adam(G.parameters(), lr=1e-4, betas=(0.5, 0.9))
opt_D = torch.optim.Adam(D.parameters(), lr=1e-4, betas=(0.5, 0.9))
callback = gandiag.attach(G, D, run_dir="runs/audio")  # watch

for _ in range(STEPS):
    frames, real = speech(16)
    fake = G(frames)

    loss = sum(relu(1 + scale[-1]).mean() for scale in D(fake.detach()))
    loss = loss + sum(relu(1 - scale[-1]).mean() for scale in D(real))
    opt_D.zero_grad()
    loss.backward()
    opt_D.step()

    on_real, on_fake = D(real), D(fake)
    loss = -sum(scale[-1].mean() for scale in on_fake)
    for made, meant in zip(on_fake, on_real, strict=True):
        loss = loss + 10 * sum(l1_loss(x, y.detach()) for x, y in zip(made[:-1], meant[:-1], strict=True)) / 2
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()

callback.close()  # watch

"""CycleGAN in small: between digits and inverted digits, two generators, two discriminators, pools of older samples."""

import itertools
import random
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import l1_loss, mse_loss

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

torch.manual_seed(0)
random.seed(0)
digits = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
domain_a, domain_b = digits[:900], -digits[900:]  # unpaired


def generator():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 1, 1),
        nn.InstanceNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, 1, 1),
        nn.InstanceNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 1, 3, 1, 1),
        nn.Tanh(),
    )


def discriminator():
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 1, 1)
    )


class Pool:
    """Half of the samples that D is given are older ones."""

    def __init__(self, size=50):
        self.size, self.kept = size, []

    def __call__(self, batch):
        given = []
        for sample in batch.detach():
            if len(self.kept) < self.size:
                self.kept.append(sample)
                given.append(sample)
            elif random.random() < 0.5:
                place = random.randrange(self.size)
                given.append(self.kept[place])
                self.kept[place] = sample
            else:
                given.append(sample)
        return torch.stack(given)


def lsgan(output, target):
    return mse_loss(output, torch.full_like(output, target))


a2b, b2a, D_a, D_b = generator(), generator(), discriminator(), discriminator()
pool_a, pool_b = Pool(), Pool()
opt_G = torch.optim.Adam(itertools.chain(a2b.parameters(), b2a.parameters()), lr=2e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(itertools.chain(D_a.parameters(), D_b.parameters()), lr=2e-4, betas=(0.5, 0.999))
callback = gandiag.attach({"a2b": a2b, "b2a": b2a}, {"a": D_a, "b": D_b}, run_dir="runs/cyclegan")  # watch

for _ in range(STEPS):
    a = domain_a[torch.randint(len(domain_a), (8,))]
    b = domain_b[torch.randint(len(domain_b), (8,))]
    fake_b, fake_a = a2b(a), b2a(b)

    for network in (D_a, D_b):
        network.requires_grad_(False)
    loss = lsgan(D_b(fake_b), 1.0) + lsgan(D_a(fake_a), 1.0)
    loss = loss + 10 * (l1_loss(b2a(fake_b), a) + l1_loss(a2b(fake_a), b))
    loss = loss + 5 * (l1_loss(a2b(b), b) + l1_loss(b2a(a), a))
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()

    for network in (D_a, D_b):
        network.requires_grad_(True)
    opt_D.zero_grad()
    for network, real, fake in ((D_a, a, pool_a(fake_a)), (D_b, b, pool_b(fake_b))):
        (0.5 * (lsgan(network(real), 1.0) + lsgan(network(fake), 0.0))).backward()
    opt_D.step()

callback.close()  # watch

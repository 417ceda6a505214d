"""Two processes under DistributedDataParallel: torchrun --nproc-per-node 2 ddp.py"""

import os
import sys

import torch
from sklearn.datasets import load_digits
from torch import distributed, nn
from torch.nn.functional import softplus
from torch.nn.parallel import DistributedDataParallel

import gandiag  # watch

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if torch.cuda.is_available() else torch.device("cpu")
torch.manual_seed(distributed.get_rank())
digits = (torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1).to(device)
G = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh()).to(device)
D = nn.Sequential(nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1)).to(device)
G, D = DistributedDataParallel(G), DistributedDataParallel(D)
opt_G = torch.optim.Adam(G.parameters(), lr=5e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=5e-4, betas=(0.5, 0.999))
callback = gandiag.attach(G, D, run_dir="runs/ddp")  # watch

for _ in range(STEPS):
    real = digits[torch.randint(len(digits), (32,), device=device)]
    fake = G(torch.randn(32, 32, device=device))
    loss = softplus(-D(real)).mean() + softplus(D(fake.detach())).mean()
    opt_D.zero_grad()
    loss.backward()
    opt_D.step()

    loss = softplus(-D(fake)).mean()
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()

callback.close()  # watch
distributed.destroy_process_group()

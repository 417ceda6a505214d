"""Checkpoints laid out as public code bases write them: which weights are the (averaged) generator's."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from test_gate_checkpoints import AVERAGE, LIST, OTHER, PLAIN, Net, state

from gandiag.gate.checkpoints import Drawing, generator_source

ADAM = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(6, 4)}}, "param_groups": [{"lr": 1e-4}]}
FLAG = torch.tensor(True)

LAYOUTS = {
    "rosinality": ("150000.pt", {"g": PLAIN, "d": OTHER, "g_ema": AVERAGE, "g_optim": ADAM, "ada_aug_p": 0.1}, 2),
    "lucidrains": ("model_42.pt", {"GAN": state(1, "G.") | state(2, "GE.") | {"D.w": torch.zeros(1)}, "version": "1"},
                   2),
    "gigagan": ("model-7.ckpt", {"G": PLAIN, "D": OTHER, "G_opt": ADAM, "steps": 7000,
                                 "G_ema": state(2, "ema_model.") | state(1, "online_model.") | {"initted": FLAG}}, 2),
    "BigGAN": ("G_ema.pth", AVERAGE, 2),
    "StudioGAN": ("model=G_ema-best-weights-step=4000.pth", {"state_dict": AVERAGE, "step": 4000, "seed": 1}, 2),
    "mimicry": ("netG_50000_steps.pth", {"model_state_dict": PLAIN, "optimizer_state_dict": ADAM,
                                         "global_step": 50000}, 1),
    "CycleGAN": ("latest_net_G_A.pth", OrderedDict(PLAIN), 1),
    "BasicSR": ("net_g_400000.pth", {"params": PLAIN, "params_ema": AVERAGE}, 2),
    "KAIR": ("100000_E.pth", AVERAGE, 2),
    "HiFi-GAN": ("g_02500000", {"generator": PLAIN}, 1),
    "VITS": ("G_10000.pth", {"model": PLAIN, "iteration": 3, "optimizer": ADAM, "learning_rate": 2e-4}, 1),
    "ParallelWaveGAN": ("checkpoint-400000steps.pkl", {"model": {"generator": PLAIN, "discriminator": OTHER},
                        "steps": 400000, "optimizer": {"generator": ADAM, "discriminator": ADAM}}, 1),
    "FastGAN": ("50000.pth", {"g": state(1, "module."), "d": state(0, "module.x."), "g_ema": LIST, "opt_g": ADAM}, 2),
    "DCGAN example": ("netG_epoch_24.pth", PLAIN, 1),
    "PyTorch-GAN": ("generator_90.pth", PLAIN, 1),
    "WassersteinGAN": ("netG_epoch_1.pth", state(1, "module."), 1),
    "Lightning": ("epoch=3-step=1200.ckpt", {"state_dict": state(1, "generator.") | {"discriminator.w": torch.zeros(1)},
                  "epoch": 3, "global_step": 1200, "hyper_parameters": {"lr": 2e-4}}, 1),
    "Lightning with an average": ("last.ckpt", {"state_dict": state(1, "netG.") | state(2, "netG_ema.")}, 2),
    "MUNIT": ("gen_00010000.pt", {"a": PLAIN, "b": PLAIN}, 1),
    "StarGAN v2": ("100000_nets_ema.ckpt", {"generator": AVERAGE, "mapping_network": OTHER, "style_encoder": OTHER}, 2),
    "U-GAT-IT": ("horse_params_0100000.pt", {"genA2B": PLAIN, "genB2A": state(0), "disGA": OTHER}, 1),
    "GAN stability": ("model_00300000.pt", {"generator": PLAIN, "generator_test": AVERAGE, "discriminator": OTHER,
                      "g_optimizer": ADAM, "epoch_idx": 4}, 2),
    "mmgeneration": ("iter_40000.pth", {"meta": {"iter": 40000}, "state_dict": state(1, "generator.")
                     | state(2, "generator_ema.") | {"discriminator.w": torch.zeros(1)}}, 2),
    "imaginaire": ("epoch_1_iteration_2000_checkpoint.pt", {"net_G": state(1, "module.")
                   | state(2, "averaged_model.") | {"num_updates_tracked": torch.tensor(4)}, "net_D": OTHER}, 2),
    "GANomaly": ("netG.pth", {"epoch": 3, "state_dict": PLAIN}, 1),
    "torch.optim.swa_utils": ("average.pt", {"generator": PLAIN, "ema": state(2, "module.")
                              | {"n_averaged": torch.tensor(9)}}, 2),
    "accelerate": ("pytorch_model.bin", state(1, "_orig_mod."), 1),
    "DDP and compile": ("snapshot.pt", {"G": state(1, "module._orig_mod."), "D": OTHER, "iter": 3}, 1),
}  # fmt: skip


@pytest.mark.parametrize("code_base", LAYOUTS)
def test_the_key_is_found_by_itself(code_base, tmp_path):
    """Saved and read as a file of that name; the average wins where there is one."""
    name, content, value = LAYOUTS[code_base]
    torch.save(content, tmp_path / name)
    source, (note, *_) = generator_source(tmp_path / name, Drawing(factory=Net, device=torch.device("cpu"), n=4))
    assert {float(parameter.mean()) for parameter in source.generator.parameters()} == {value}, note

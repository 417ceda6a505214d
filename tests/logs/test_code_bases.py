# ruff: noqa: E501, ISC004 - lines and names as code bases write them
"""Logs in the shapes in which public GAN code bases write them, with invented values: names, steps, signs, traps."""

from __future__ import annotations

import json

import pytest

from gandiag.logs import read, recognise

G, D = "loss/generator", "loss/discriminator"
REAL, FAKE = "d/real/mean", "d/fake/mean"

TEXT = {  # code base: its lines, and for each signal the last step and value
    "pytorch/examples dcgan": (
        "[0/25][0/782] Loss_D: 1.40 Loss_G: 1.90 D(x): 0.5123 D(G(z)): 0.4410 / 0.1602\n"
        "[1/25][1/782] Loss_D: 1.10 Loss_G: 2.33 D(x): 0.6123 D(G(z)): 0.3871 / 0.1120",
        {D: (783, 1.10), G: (783, 2.33), REAL: (783, 0.6123), FAKE: (783, 0.3871)},
    ),
    "dcgan_faces tutorial": (
        "Starting Training Loop...\n[0/5][50/1583]\tLoss_D: 0.9\tLoss_G: 2.3\tD(x): 0.61\tD(G(z)): 0.38 / 0.11",
        {D: (50, 0.9), G: (50, 2.3), REAL: (50, 0.61), FAKE: (50, 0.38)},
    ),
    "WassersteinGAN": (
        "[3/25][1565/1582][412] Loss_D: -0.312 Loss_G: 0.201 Loss_D_real: -0.110 Loss_D_fake 0.202",
        {D: (412, -0.312), G: (412, 0.201), REAL: (412, -0.110), FAKE: (412, 0.202)},
    ),
    "PyTorch-GAN": ("[Epoch 1/200] [Batch 12/938] [D loss: 0.61] [G loss: 0.90]", {D: (950, 0.61), G: (950, 0.90)}),
    "PyTorch-GAN cyclegan": (
        "[Epoch 0/200] [Batch 12/300] [D loss: 0.61] [G loss: 2.90, adv: 0.3, cycle: 0.2, identity: 0.1] ETA: 0:10:00",
        {D: (12, 0.61), G: (12, 2.90)},
    ),
    "lucidrains": ("G: -0.21 | D: 1.63 | GP: 0.05 | PL: 0.88\nG: -0.3 | D: 1.5 | GP: 0.05", {G: (50, -0.3), D: (50, 1.5)}),
    "gigagan": (
        "G: 0.31 | MSG: 0.02 | VG: 0.00 | D: 1.80 | MSD: 3.90 | VD: 0.00 | GP: 0.12 | SSL: 0.40",
        {G: (0, 0.31), D: (0, 1.80)},
    ),
    "FastGAN": ("GAN: loss d: 0.61230    loss g: -0.41200", {REAL: (0, 0.6123), FAKE: (0, -0.412)}),
    "KAIR": (
        "26-01-02 03:04:05.678 : <epoch:  1, iter:   1,200, lr:1.000e-04> G_loss: 2.1e-02 F_loss: 1.3 D_loss: 7.0e-02 "
        "D_real: 6.1e-01 D_fake: -5.2e-01 ",
        {REAL: (1200, 0.61), FAKE: (1200, -0.52)},
    ),
    "BasicSR": (
        "2026-01-02 03:04:05,678 INFO: [train..][epoch:  3, iter:  12,500, lr:(1.0e-04,2.0e-04,)] "
        "[eta: 1 day, 3:04:05, time (data): 0.512 (0.004)] l_g_pix: 3.1e-02 l_g_gan: 9.0e-02 l_d_real: 4.1e-01 "
        "out_d_real: 8.2e-01 l_d_fake: 3.9e-01 out_d_fake: -9.1e-01 ",
        {REAL: (12500, 0.82), FAKE: (12500, -0.91), "rate/generator": (12500, 1e-4), "rate/discriminator": (12500, 2e-4)},
    ),
    "CycleGAN": (
        "================ Training Loss (Fri Jan  2 03:04:05 2026) ================\n"
        "(epoch: 1, iters: 100, time: 0.412, data: 0.003) D_A: 0.271 G_A: 0.402 cycle_A: 2.1 idt_A: 0.9 D_B: 0.2 G_B: 0.3 \n"
        "[Rank 0] (epoch: 2, iters: 100, time: 0.398, data: 0.002) , D_A: 0.198, G_A: 0.455, cycle_A: 1.702, D_B: 0.201, "
        "G_B: 0.431\n\n",
        {f"{D}.a": (200, 0.198), f"{G}.a": (200, 0.455), f"{D}.b": (200, 0.201), f"{G}.b": (200, 0.431)},
    ),
    "pix2pix": ("(epoch: 1, iters: 200, time: 0.087) G_GAN: 1.021 G_L1: 3.2 D_real: 0.511 D_fake: 0.498 ", {}),
    "SPADE": ("(epoch: 1, iters: 200, time: 0.087) GAN: 1.0 GAN_Feat: 3.2 VGG: 4.0 D_Fake: 0.498 D_real: 0.511 ", {}),
    "StudioGAN": (
        "[INFO] 2026-01-02 03:04:05 > Step:    100 Progress: 0.1% Elapsed: 0:00:31 Gen_loss: 0.5121 Dis_loss: 1.412 "
        "Cls_loss: N/A Topk:   64 aa_p: N/A ",
        {G: (100, 0.5121), D: (100, 1.412)},
    ),
    "HiFi-GAN": (
        "Steps : 100, Gen Loss Total : 58.1, Mel-Spec. Error : 0.912, s/b : 0.412 lr: 0.0001000 grad_norm_g: 41.2",
        {G: (100, 58.1), "grad/generator/norm": (100, 41.2)},
    ),
    "VITS": (
        "2026-01-02 03:04:05,678\tljs_base\tINFO\t[2.61, 2.11, 4.02, 31.5, 1.71, 2.03, 200, 0.0002]",
        {D: (200, 2.61), G: (200, 2.11)},
    ),
    "MelGAN": ("Epoch 1 | Iters 99 / 800 | ms/batch 120.51 | loss [6.01 0.12 0.55 0.91]", {D: (899, 6.01), G: (899, 0.12)}),
    "rosinality": (
        "d: 1.2012; g: 0.8123; r1: 0.0310; path: 0.0021; mean path: 0.1010; augment: 0.0000:   0%|   | 1200/800000 [1:00<]",
        {D: (1200, 1.2012), G: (1200, 0.8123)},
    ),
    "U-GAT-IT": ("[    5/1000000] time: 12.3456 d_loss: 8.00000000, g_loss: 1200.5", {D: (5, 8.0), G: (5, 1200.5)}),
    "GAN_stability": ("[epoch 0, it   10] g_loss = 0.6931, d_loss = 1.3863, reg=0.0120", {D: (10, 1.3863), G: (10, 0.6931)}),
    "wgan-gp": ("iter 99\t./tmp/cifar10/train disc cost\t-3.21\t./tmp/cifar10/wasserstein distance\t3.60", {D: (99, -3.21)}),
    "Keras": (
        "1/469 ━━━ 1s 11ms/step - d_loss: 0.9 - g_loss: 0.1\r469/469 ━━━ 5s 11ms/step - d_loss: 0.45 - g_loss: 0.90",
        {D: (0, 0.45), G: (0, 0.90)},
    ),
    "mmgeneration": (
        "2026-01-02 03:04:05,678 - mmgen - INFO - Iter [100/500000]\tlr_generator: 2.0e-04 lr_discriminator: 3.0e-04, "
        "eta: 1 day, 2:03:04, time: 0.210, memory: 3012, loss_disc_fake: 0.69, loss_disc_real: 0.68, loss_disc_fake_g: 0.7",
        {"rate/generator": (100, 2e-4), "rate/discriminator": (100, 3e-4)},
    ),
    "ParallelWaveGAN": (
        "2026-01-02 03:04:05,678 (train:633) INFO: (Steps: 100) train/discriminator_loss = 0.4812.\n"
        "2026-01-02 03:04:05,678 (train:633) INFO: (Steps: 100) train/generator_loss = 2.5.",
        {D: (100, 0.4812), G: (100, 2.5)},
    ),
    "TimeGAN": ("step: 1000/10000, d_loss: 2.0813, g_loss_u: 0.69, g_loss_s: 0.01, e_loss_t0: 0.04", {D: (1000, 2.0813)}),
    "mimicry": (
        "INFO: [Epoch 1/100][Global Step: 50/100000] \n| D(G(z)): 0.31\n| D(x): 0.62\n| errD: 1.2\n| errG: 0.9\n| lr_D: 0.0002",
        {D: (50, 1.2), G: (50, 0.9), REAL: (50, 0.62), FAKE: (50, 0.31), "rate/discriminator": (50, 2e-4)},
    ),
    "DCGAN-tensorflow": ("[    5 Epoch:[ 0/25] [   3/1582] time: 4.1, d_loss: 1.39, g_loss: 0.69", {D: (5, 1.39), G: (5, 0.69)}),
    "StarGAN": (
        "Elapsed [0:00:05], Iteration [10/200000], D/loss_real: -1.2, D/loss_fake: 0.3, D/loss_cls: 3.4, D/loss_gp: 0.2",
        {},
    ),
    "a tutorial's loop": (">1, 1/234, d1=0.7, d2=0.6 g=0.5", {G: (235, 0.5)}),
    "Keras-GAN": ("12 [D loss: 0.69, acc.: 50.00%] [G loss: 0.81]", {D: (12, 0.69), G: (12, 0.81)}),
    "coqui": (
        "   --> STEP: 24/1000 -- GLOBAL_STEP: 1000\n     | > loss_disc: 2.33  (2.40)\n     | > loss_gen: 1.1  (1.2)",
        {D: (1000, 2.33), G: (1000, 1.1)},
    ),
    "a bar for each epoch": (
        "Epoch 0:  45%|#| 45/100 [00:10<00:12, g_loss=1.2, d_loss=0.4]\rEpoch 1:  10%|#| 10/100 [00:1<0, g_loss=1.3, d_loss=0.5]",
        {D: (101, 0.5), G: (101, 1.3)},
    ),
    "dictionaries": ("{'loss/d': 0.5, 'loss/g': 1.2, 'step': 100}", {D: (100, 0.5), G: (100, 1.2)}),
    "no step at all": ("D loss: 0.5 G loss: 0.6\nD loss: 0.4 G loss: 0.7", {D: (1, 0.4), G: (1, 0.7)}),
    "a loop of one's own": ("Epoch [1/50], Step [100/600], d_loss: 0.04, g_loss: 4.1, D(x): 0.99", {D: (700, 0.04), G: (700, 4.1), REAL: (700, 0.99)}),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXT)
def test_lines_of_a_code_base(name, tmp_path):
    """Each key signal has its step and its value; nothing else is taken for a signal."""
    lines, wanted = TEXT[name]
    (tmp_path / "train.log").write_text(lines)
    if not wanted:
        assert not recognise(read(tmp_path / "train.log")).mapped
        return
    log = read(tmp_path / "train.log")
    found = recognise(log)
    got = {row.signal: (log.series[row.name].x[-1], log.series[row.name].values[-1]) for row in found.mapped}
    assert got == {signal: pytest.approx(value) for signal, value in wanted.items()}


TAGS = {  # code base: the names in its event files or exports, and what they are
    "stylegan2-ada-pytorch": {"Loss/scores/real": REAL, "Loss/scores/fake": FAKE, "Loss/signs/real": "d/real/positive",
                              "Loss/signs/fake": "d/fake/positive", "Loss/G/loss": G, "Loss/D/loss": D, "Loss/D/reg": "",
                              "Metrics/fid50k_full": "quality/fid", "Progress/augment": "", "Loss/pl_penalty": ""},
    "stylegan2-ada TF, DiffAugment": {"Loss/scores/real": REAL, "Loss/scores/fake": FAKE, "Loss/D_loss": D, "Loss/G_loss": G,
                                      "Loss/gradient_penalty": "", "Metrics/fid5k": "quality/fid"},
    "progressive_growing": {"Loss/real_scores": REAL, "Loss/fake_scores": FAKE, "Loss/mixed_norms": ""},
    "rosinality on W&B": {"Generator": G, "Discriminator": D, "Augment": "", "Rt": "d/real/positive", "R1": "",
                          "Real Score": REAL, "Fake Score": FAKE, "Path Length": "", "Mean Path Length": ""},
    "BigGAN": {"G_loss": G, "D_loss_real": "", "D_loss_fake": "", "IS_mean": "quality/is", "IS_std": "", "FID": "quality/fid"},
    "StudioGAN on W&B": {"gen_loss": G, "dis_loss": D, "cls_loss": "", "dis_logit_real": REAL, "dis_logit_fake": FAKE,
                         "FID score": "quality/fid", "IS score": "quality/is", "Improved Precision": "quality/precision",
                         "Improved Recall": "quality/recall", "Density": "quality/density", "Coverage": "quality/coverage"},
    "taming-transformers": {"train/aeloss_step": "", "train/disc_loss_step": D, "train/g_loss_step": G, "train/d_weight": "",
                            "train/logits_real_step": REAL, "train/logits_fake_step": FAKE, "val/disc_loss": ""},
    "VITS": {"loss/g/total": G, "loss/d/total": D, "grad_norm_d": "grad/discriminator/norm", "learning_rate": "",
             "grad_norm_g": "grad/generator/norm", "loss/g/fm": "", "loss/g/0": "", "loss/d_r/0": "", "loss/d_g/0": ""},
    "BigVGAN": {"training/gen_loss_total": G, "training/disc_loss_mpd": f"{D}.mpd", "training/disc_loss_mrd": f"{D}.mrd",
                "training/grad_norm_g": "grad/generator/norm", "training/grad_norm_mpd": "grad/discriminator.mpd/norm",
                "training/learning_rate_d": "rate/discriminator", "validation/mel_spec_error": ""},
    "GAN_stability": {"losses/generator": G, "losses/discriminator": D, "losses/regularizer": "",
                      "learning_rates/generator": "rate/generator", "inception_score/mean": "quality/is"},
    "MUNIT": {"loss_gen_total": G, "loss_dis_total": D, "loss_gen_adv_a": "", "loss_dis_a": f"{D}.a", "loss_dis_b": f"{D}.b", "loss_gen_recon_x_a": ""},
    "TF pix2pix tutorial": {"gen_total_loss": G, "gen_gan_loss": "", "gen_l1_loss": "", "disc_loss": D},
    "imaginaire": {"gen_update/total": G, "dis_update/total": D, "gen_update/gan": ""},
    "bolts DCGAN": {"loss/gen_step": G, "loss/disc_step": D},
    "torchgan": {"Running Generator Loss": G, "Running Discriminator Loss": D},
    "compare_gan": {"loss/g": G, "loss/d_0": D, "fid_score_mean": "quality/fid", "fid_score_std": ""},
    "CTGAN": {"Generator Loss": G, "Discriminator Loss": D},
    "an actor and a critic": {"loss/actor_loss": "", "loss/critic_loss": "", "reward/mean": ""},
    "KAIR's names in a table": {"G_loss": "", "F_loss": "", "D_loss": "", "D_real": REAL, "D_fake": FAKE},
}  # fmt: skip


@pytest.mark.parametrize("name", TAGS)
def test_names_of_a_code_base(name, tmp_path):
    """Key signals are recognised beside each other, and what is none stays under its own name."""
    wanted = TAGS[name]
    rows = [{"step": 10 * i} | {tag: 0.5 + 0.01 * ((7 * i + k) % 5) for k, tag in enumerate(wanted)} for i in range(12)]
    (tmp_path / "history.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = recognise(read(tmp_path / "history.jsonl"))
    assert {row.name: row.signal for row in found.rows} == wanted


OTHERS = {  # names of no particular code base, each beside the rest of its log
    "critic": {"critic/loss": D, "gen/loss": G, "critic_real_score": REAL, "critic_fake_score": FAKE, "gp": ""},
    "camel case": {"lossG": G, "lossD": D, "lossDReal": "", "lossDFake": "", "advLossWeight": ""},
    "glued": {"dloss": D, "gloss": G, "epoch_time": ""},
    "directories": {"run1/train/g_loss_mean": G, "run1/train/d_loss_mean": D, "run1/val/d_loss": "", "run1/val/fid": "quality/fid"},
    "accuracies": {"d_acc_real": "d/real/positive", "d_acc_fake": "d/fake/positive", "d_loss": D, "g_loss": G},
    "gradients": {"G/grad_norm": "grad/generator/norm", "D/grad_norm": "grad/discriminator/norm", "grad_penalty": "",
                  "G/loss": G, "D/loss": D, "G/grad_norm_clipped": ""},
    "not what they seem": {"d_weight": "", "g_loss_weight": "", "d_step_time": "", "best_fid": "", "fid_time": "",
                           "is_training": "", "gen_steps": "", "disc_lr": "rate/discriminator", "d_loss": D, "g_loss": G, "gradient_ratio_g": ""},
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_names_in_other_words(name, tmp_path):
    """Names are read by their parts, not looked up."""
    wanted = OTHERS[name]
    rows = [{"step": i} | {tag: 0.5 + 0.01 * ((7 * i + k) % 5) for k, tag in enumerate(wanted)} for i in range(12)]
    (tmp_path / "history.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = recognise(read(tmp_path / "history.jsonl"))
    assert {row.name: row.signal for row in found.rows} == wanted

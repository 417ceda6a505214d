"""What the instruments are given: networks that stay as they are, losses, and checkpoints as loops save them."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from games import Weights, bilinear, game, point, state
from torch import nn

import gandiag
from gandiag.dynamics import GameField, duality_gap, game_spectrum, path_angle
from gandiag.dynamics.field import Players

FEW = partial(torch.optim.SGD, lr=0.01)


def networks():
    """A generator with batch statistics, a discriminator with dropout and spectral norm, both after a backward pass."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    discriminator = nn.Sequential(nn.utils.spectral_norm(nn.Linear(2, 6)), nn.Dropout(0.2), nn.Linear(6, 1))
    discriminator(generator(torch.randn(8, 3))).mean().backward()
    return generator, discriminator


def losses(generator, discriminator):
    """Draws its latents and its data anew, from the global random state."""
    fake, real = generator(torch.randn(16, 3)), torch.randn(16, 2) + float(np.random.rand()) + random.random()  # noqa: NPY002, S311
    on_fake, on_real = discriminator(fake), discriminator(real)
    softplus = nn.functional.softplus
    return softplus(-on_real).mean() + softplus(on_fake).mean(), softplus(-on_fake).mean()


def everything(*modules):
    """Weights, buffers, gradients, modes and random states, as bytes."""
    tensors = [t for m in modules for t in (*m.state_dict().values(), *(p.grad for p in m.parameters()))]
    modes = [part.training for m in modules for part in m.modules()]
    flags = [p.requires_grad for m in modules for p in m.parameters()]
    states = torch.get_rng_state(), np.random.get_state()[1], random.getstate()  # noqa: NPY002
    return [t.detach().numpy().tobytes() for t in tensors], modes, flags, [str(np.asarray(s, object)) for s in states]


def moved(network):
    """Its state dict with other weights."""
    return {n: v + 0.01 if v.is_floating_point() else v for n, v in network.state_dict().items()}


@pytest.mark.parametrize(
    "measure",
    [
        lambda field, first: path_angle(field, first, points=5),
        lambda field, first: game_spectrum(field, first, method="dense"),
        lambda field, first: duality_gap(field, first, steps=3, optimizer=FEW, perturbation=0.01),
    ],
    ids=["path_angle", "game_spectrum", "duality_gap"],
)
def test_nothing_of_the_users_changes(measure):
    """Weights, buffers, gradients, modes and random states are the same bytes; the checkpoint is, too."""
    generator, discriminator = networks()
    generator[0].eval()
    first = moved(generator), moved(discriminator)
    kept = [{n: v.clone() for n, v in s.items()} for s in first]
    before = everything(generator, discriminator)
    measure(GameField(generator, discriminator, losses), first)
    assert everything(generator, discriminator) == before
    assert all(torch.equal(s[n], k[n]) for s, k in zip(first, kept, strict=True) for n in k)


def test_results_repeat_themselves_though_losses_draw_at_random():
    """The random numbers are those of the field's seed, whatever the state of the process."""
    generator, discriminator = networks()
    found = []
    for seed, process in ((0, 1), (0, 2), (5, 2)):
        torch.manual_seed(process)
        field = GameField(generator, discriminator, losses, seed=seed)
        found.append(path_angle(field, (moved(generator), moved(discriminator)), points=4).cosine)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_works_where_gradients_are_switched_off():
    """An evaluation script runs under no_grad."""
    with torch.no_grad():
        assert game_spectrum(game(bilinear)).weights == 2


def test_a_callback_that_watches_the_networks_sees_nothing(tmp_path):
    """Measuring in the middle of a watched loop adds no step and no observation."""
    generator, discriminator = networks()
    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run") as callback:
        duality_gap(GameField(generator, discriminator, losses), steps=2, optimizer=FEW)
        path_angle(GameField(generator, discriminator, losses), (moved(generator), moved(discriminator)), points=3)
    del callback
    assert gandiag.Run.open(tmp_path / "run").scalars.empty


def test_only_weights_that_require_grad_are_players():
    """A frozen layer is part of the game's rules."""
    generator, discriminator = networks()
    generator[0].requires_grad_(requires_grad=False)
    trainable = sum(p.numel() for m in (generator, discriminator) for p in m.parameters() if p.requires_grad)
    assert game_spectrum(GameField(generator, discriminator, losses)).weights == trainable
    generator.requires_grad_(requires_grad=False)
    with pytest.raises(ValueError, match="the generator has no weight that requires grad"):
        game_spectrum(GameField(generator, discriminator, losses))


def test_buffers_are_interpolated_between_the_checkpoints_and_not_beyond():
    """A running variance beyond the ends would be negative."""
    generator, discriminator = networks()
    generator.eval()
    last = generator.state_dict(), discriminator.state_dict()
    first = {**last[0], "1.running_var": last[0]["1.running_var"] + 100, "0.bias": last[0]["0.bias"] + 1}, last[1]
    seen = []

    def noted(g, d):
        seen.append((float(g[1].running_var[0]), float(g[0].bias.detach()[0])))
        return losses(g, d)

    path_angle(GameField(generator, discriminator, noted), first, points=3, ends=(-0.5, 1.5))
    variances, biases = np.array(seen[-3:]).T  # at a = -0.5, 0.5 and 1.5
    end, bias = float(last[0]["1.running_var"][0]), float(last[0]["0.bias"][0])
    assert variances == pytest.approx([end + 100, end + 50, end], rel=1e-5)
    assert biases == pytest.approx([bias + 1.5, bias + 0.5, bias - 0.5], abs=1e-5)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda g, d: g.w.sum() * d.w.sum(), "losses must return (loss_d, loss_g), found Tensor"),
        (lambda g, _: (g.w.sum(),), "losses must return (loss_d, loss_g), found tuple of 1"),
        (lambda g, _: (1.0, g.w.sum()), "loss_d must be a tensor, found float"),
        (lambda g, d: (g.w.expand(8) * d.w, g.w), "loss_d must be one number, found shape (8,): take its mean"),
        (lambda g, d: (g.w * d.w, g.w.detach()), "loss_g depends on no weight"),
        (lambda g, d: (g.w * d.w, g.w.log()), "loss_g is nan at the checkpoint"),
        (lambda g, d: (g.w * d.w, d.w), "loss_g does not depend on the generator that losses was called with"),
        (lambda g, _: (g.w, g.w), "loss_d does not depend on the discriminator"),
    ],
)
def test_losses_that_are_none_are_named(bad, said):
    """One sentence: which loss, what was found, what was expected."""
    field = GameField(Weights(-1.0), Weights(1.0), bad)
    with pytest.raises(ValueError, match=re.escape(said)):
        path_angle(field, point(0.5, 0.5), points=3)


def test_losses_that_do_not_repeat_themselves_are_noticed():
    """A mini-batch drawn from a loader would make noise of the angle."""
    batches = iter(range(1000))
    with pytest.raises(ValueError, match="must use one fixed batch and repeat themselves, found that loss_d is"):
        game_spectrum(game(lambda x, y: (x * y + next(batches), x * y)))
    with pytest.raises(ValueError, match="clip must be above 0, found 0"):
        game(bilinear, clip=0)


PAIR = point(0.3, -0.4)


@pytest.mark.parametrize(
    "content",
    [
        {"generator": PAIR[0], "discriminator": PAIR[1], "step": 3},
        {"netD": PAIR[1], "netG": PAIR[0]},
        {"state_dis": PAIR[1], "g_ema": state(9.0), "state_gen": PAIR[0]},
        {"models": {"D": {"module.w": PAIR[1]["w"]}, "G": {"_orig_mod.w": PAIR[0]["w"]}}, "opt": {"state": {}}},
    ],
)
@pytest.mark.parametrize("saved", [True, False])
def test_one_checkpoint_may_hold_both_players(content, saved, tmp_path):
    """Under the usual names, as a file or a dictionary; an average of the generator is no player."""
    if saved:
        torch.save(content, tmp_path / "both.pt")
    field = game(bilinear)
    players = Players(field, field.states(tmp_path / "both.pt" if saved else content, "checkpoint"))
    assert [float(w.detach()) for w in players.weights] == [0.3, -0.4]


def test_a_pair_may_mix_files_and_dictionaries(tmp_path):
    """The generator first."""
    torch.save(PAIR[0], tmp_path / "g.pt")
    field = game(bilinear)
    players = Players(field, field.states((str(tmp_path / "g.pt"), PAIR[1]), "checkpoint"))
    assert [float(w.detach()) for w in players.weights] == [0.3, -0.4]


@pytest.mark.parametrize(
    ("checkpoint", "said"),
    [
        ("nowhere.pt", "nowhere.pt: does not exist"),
        (({"v": torch.ones(1)}, PAIR[1]), "first, generator: holds no weights of Weights: 1 names are missing (w)"),
        (
            (PAIR[0], {"w": torch.ones(2)}),
            "first, discriminator: does not fit Weights: w has shape (2,), expected (1,)",
        ),
        ((PAIR[0], state(float("nan"))), "first, discriminator: w is NaN or infinite"),
        (PAIR[0], "first: one state dict fits both players; pass a pair (generator, discriminator)"),
        ((*PAIR, 3), "first must be a pair (generator, discriminator), found 3 parts"),
        ((PAIR[0], 7), "first, discriminator must be a path or a state dict, found int"),
        ({"step": 3}, "first: holds no weights of Weights: no dictionary of tensors, found step"),
    ],
)
def test_checkpoints_that_do_not_fit_are_named(checkpoint, said):
    """Which checkpoint, which player, what was found."""
    with pytest.raises(ValueError, match=re.escape(said)):
        path_angle(game(bilinear), checkpoint)


def test_the_package_is_there_without_an_import_of_its_own():
    """`import gandiag` imports no torch; `gandiag.dynamics` comes when it is used."""
    program = (
        "import sys, gandiag; assert 'torch' not in sys.modules; "
        "assert gandiag.dynamics.path_angle.__name__ == 'path_angle'; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

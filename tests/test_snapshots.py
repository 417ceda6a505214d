"""Snapshots of samples: pictures that show what G made, at steps that do not pile up."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import softplus

import gandiag
from gandiag.rundir.snapshots import encode, following, to_bytes


def picture(samples, **options):
    content, suffix = encode(samples, **options)
    assert suffix == ".png"
    return np.asarray(Image.open(io.BytesIO(content)))


def test_images_are_tiled_with_a_gap():
    """Five 8x8 images: three columns, two rows, a grey pixel between; the empty tile is grey."""
    grid = picture(np.ones((5, 1, 8, 8)))
    assert grid.shape == (2 * 9 - 1, 3 * 9 - 1)
    assert (grid[:8, :8] == 255).all()
    assert (grid[:, 8] == 128).all()
    assert (grid[9:, 18:] == 128).all()


def test_colour_and_flat_images_come_out_right():
    """Three channels stay in order; image_shape gives flat vectors their shape."""
    red = np.zeros((1, 3, 4, 4))
    red[:, 0] = 1
    assert picture(red)[0, 0].tolist() == [255, 0, 0]
    assert picture(np.zeros((1, 16)), image_shape=(1, 4, 4)).shape == (4, 4)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        (np.array([0, 128, 255], np.uint8), [0, 128, 255]),
        ([np.nan, 0.5, np.inf], [0, 128, 0]),
    ],
)
def test_ranges_are_recognised(values, expected):
    """[0, 1], [-1, 1] and bytes; what is not finite becomes 0."""
    assert to_bytes(np.asarray(values)).tolist() == expected


@pytest.mark.parametrize("shape", [(6, 2), (6, 100), (6, 2, 8, 8), (6, 5)])
def test_anything_else_is_kept_as_points(shape):
    """Vectors and images of two channels: (B, d) in an .npz."""
    content, suffix = encode(np.zeros(shape))
    assert suffix == ".npz"
    assert np.load(io.BytesIO(content))["points"].shape == (6, int(np.prod(shape[1:])))


def test_snapshots_grow_with_the_logarithm_of_the_run():
    """Often at first, below a hundred in 100,000 steps."""
    taken = [0]
    while following(taken[-1]) <= 100_000:
        taken.append(following(taken[-1]))
    assert taken[1:6] == [1, 2, 4, 8, 16]
    assert len(taken) < 100
    assert 100_000 - taken[-1] < 100_000 / 8


def watched(folder, generator, discriminator, **options):
    """Two networks that a loop trains for 20 steps on real images in [0, 1]."""
    torch.manual_seed(0)
    optimizers = [torch.optim.Adam(n.parameters(), 1e-3) for n in (generator, discriminator)]
    callback = gandiag.attach(generator, discriminator, run_dir=folder, alerts=False, **options) if folder else None
    for _ in range(20):
        real, latents = torch.rand(6, 1, 8, 8), torch.randn(6, 4)
        for optimizer in optimizers:
            optimizer.zero_grad()
        fake = generator(latents)
        (softplus(-discriminator(real)) + softplus(discriminator(fake.detach()))).mean().backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        softplus(-discriminator(fake)).mean().backward()
        optimizers[0].step()
    if callback:
        callback.close()


def networks():
    torch.manual_seed(1)
    generator = nn.Sequential(
        nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 64), nn.Sigmoid(), Shaped()
    )
    return generator, nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))


class Shaped(nn.Module):
    """Vectors of 64 as images."""

    def forward(self, flat):
        return flat.view(-1, 1, 8, 8)


def test_snapshots_show_the_same_latents_and_leave_the_training_bit_for_bit_as_it_was(tmp_path):
    """With BatchNorm's averages and Dropout's random numbers: weights, buffers and what is drawn next are the same."""
    alone, beside = networks(), networks()
    watched(None, *alone)
    after = torch.rand(4)
    watched(tmp_path, *beside)
    assert torch.equal(torch.rand(4), after)
    for one, other in zip(alone, beside, strict=True):
        assert all(
            torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        )
    run = gandiag.Run.open(tmp_path)
    assert run.meta["snapshots"] == "fixed latents"
    assert run.meta["faults"] == []
    assert [sample.step for sample in run.samples] == [1, 2, 4, 8, 16]


def test_a_snapshot_is_what_g_makes_of_the_latents_it_was_given_first(tmp_path):
    """At the first step that is the loop's own batch, at later ones it is not."""
    generator, discriminator = networks()
    generator[3].p = 0.0
    seen = {}
    generator.register_forward_hook(lambda *call: seen.update({len(seen) + 1: call[-1].detach().numpy()}) or None)
    watched(tmp_path, generator, discriminator)
    kept = {s.step: np.asarray(Image.open(s.path)) for s in gandiag.Run.open(tmp_path).samples}
    assert (kept[1] == picture(seen[1])).all()
    assert (kept[16] != picture(seen[16])).any()


def test_one_real_batch_is_kept_beside_them(tmp_path):
    """What D was given beside G's samples, once."""
    watched(tmp_path, *networks())
    torch.manual_seed(0)
    kept = gandiag.Run.open(tmp_path).real_samples
    assert kept is not None
    assert (np.asarray(Image.open(kept.path)) == picture(torch.rand(6, 1, 8, 8).numpy())).all()


def test_without_fixed_latents_and_where_g_cannot_be_copied_the_loops_own_batches_are_kept(tmp_path):
    """Said once where it was not meant; the training goes on either way."""
    watched(tmp_path / "own", *networks(), fixed_latents=False)
    assert "snapshots" not in gandiag.Run.open(tmp_path / "own").meta

    class Uncopied(Shaped):
        def __deepcopy__(self, memo):
            raise RuntimeError("one of a kind")

    generator, discriminator = networks()
    generator[6] = Uncopied()
    watched(tmp_path / "odd", generator, discriminator)
    run = gandiag.Run.open(tmp_path / "odd")
    assert run.meta["snapshots"] == "batches of the training"
    assert [fault["where"] for fault in run.meta["faults"]] == ["snapshots of the same latents"]
    assert len(run.samples) == 5


def test_a_note_of_the_users_is_an_event_at_its_step(tmp_path):
    """On one line, however it was written."""
    callback = gandiag.Callback(tmp_path, alerts=False)
    callback.step(d_real=np.zeros(4), d_fake=np.zeros(4))
    callback.note("switched\n to   64x64")
    callback.step(d_real=np.zeros(4), d_fake=np.zeros(4))
    callback.close()
    (note,) = [e for e in gandiag.Run.open(tmp_path).events if e["kind"] == "note"]
    assert (note["step"], note["text"]) == (2, "switched to 64x64")

"""Snapshots of samples: pictures that show what G made, at steps that do not pile up."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

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

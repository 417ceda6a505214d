"""Preprocessing: the range is decided once and enforced, and whatever is done to images is said."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gandiag.quality.extractors.preprocessing import Preprocessing

BYTES = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (0.0, 16.0)]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_bytes_survive_the_way_to_floats_and_back(value_range: tuple[float, float], dtype: torch.dtype) -> None:
    """Rounding undoes the scaling exactly, in every range."""
    low, high = value_range
    floats = BYTES.to(dtype) / 255 * (high - low) + low
    assert torch.equal(Preprocessing(value_range)(floats), BYTES)


def test_bytes_are_taken_as_they_are() -> None:
    """Also when they are dark, and whatever the range of floats."""
    assert torch.equal(Preprocessing((-1, 1))(BYTES), BYTES)
    dark = torch.ones(2, 3, 4, 4, dtype=torch.uint8)
    assert torch.equal(Preprocessing()(dark), dark)
    assert torch.equal(Preprocessing()(BYTES.long()), BYTES)


def test_rounding_is_that_of_torchvision(tmp_path) -> None:
    """The same bytes as a PNG that save_image wrote."""
    import numpy as np
    from PIL import Image
    from torchvision.utils import save_image

    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    save_image(image, tmp_path / "image.png")
    saved = torch.from_numpy(np.array(Image.open(tmp_path / "image.png"))).permute(2, 0, 1)
    assert torch.equal(Preprocessing()(image)[0], saved)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ((-1.0, 1.0), (-1, 1)),
        ((-0.3, 0.2), (-1, 1)),
        ((0.0, 1.0), (0, 1)),
        ((0.1, 0.4), (0, 1)),
        ((0.0, 200.0), (0, 255)),
    ],
)
def test_range_is_decided_from_the_first_batch(first: tuple[float, float], expected: tuple[float, float]) -> None:
    """And is said to be, in a description that JSON can hold."""
    prepare = Preprocessing()
    prepare(torch.linspace(*first, 48).reshape(1, 3, 4, 4))
    found = json.loads(json.dumps(prepare.describe()))
    assert tuple(found["range"]) == expected
    assert found["range_decided"] == "from the first batch of floats"
    assert found["images"] == 1


@pytest.mark.parametrize("first", [(-2.1, 2.6), (0.0, 16.0), (-0.05, 1.02), (0.0, 1e4), (0.5, 0.5)])
def test_unclear_ranges_are_refused(first: tuple[float, float]) -> None:
    """Standardised images, dark ones, overshooting ones and constants: the user says what they are."""
    with pytest.raises(ValueError, match=r"range .* unclear .* pass value_range"):
        Preprocessing()(torch.linspace(*first, 48).reshape(1, 3, 4, 4))


def test_later_batches_are_held_to_the_range() -> None:
    """The message says what was found, what is in force, how it was decided and what to pass."""
    prepare = Preprocessing()
    prepare(torch.linspace(0, 1, 48).reshape(1, 3, 4, 4))
    expected = r"\[-1, 1\] in batch 2, but the range in force is \[0, 1\], from the first batch .* pass .* value_range="
    with pytest.raises(ValueError, match=expected):
        prepare(torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4))
    with pytest.raises(ValueError, match=r"in force is \[-1, 1\], given"):
        Preprocessing((-1, 1))(torch.full((1, 3, 4, 4), 200.0))


def test_slight_overshoot_is_clipped_and_counted() -> None:
    """Nothing is repaired in silence."""
    prepare = Preprocessing((-1, 1))
    pixels = prepare(torch.tensor([-1.04, -1.0, 1.0, 1.03]).reshape(1, 1, 2, 2))
    assert pixels.flatten().tolist() == [0, 0, 255, 255]
    assert prepare.describe()["clipped_values"] == 2


def test_images_that_are_not_finite_are_named() -> None:
    """How many, and which is the first."""
    images = torch.rand(5, 1, 4, 4)
    images[2, 0, 1, 1], images[4, 0, 0, 0] = torch.nan, torch.inf
    with pytest.raises(ValueError, match=r"2 of 5 images of batch 1 hold NaN or infinity, the first is image 2"):
        Preprocessing()(images)


def test_grey_is_repeated_and_opaque_alpha_dropped() -> None:
    """And both are recorded; transparent pixels and coloured images for a grey extractor are refused."""
    prepare = Preprocessing(channels=3)
    assert torch.equal(prepare(BYTES), BYTES.expand(-1, 3, -1, -1))
    assert prepare.describe()["grey_repeated"]
    alpha = torch.cat([BYTES.expand(-1, 3, -1, -1), torch.full_like(BYTES, 255)], dim=1)
    prepare = Preprocessing()
    assert torch.equal(prepare(alpha), alpha[:, :3])
    assert prepare.describe()["opaque_alpha_dropped"] == 4
    alpha[1, 3, 0, 0] = 254
    with pytest.raises(ValueError, match=r"4 channels with transparent pixels, expected 3"):
        prepare(alpha)
    grey = Preprocessing(channels=1)
    assert torch.equal(grey(BYTES.expand(-1, 3, -1, -1)), BYTES)
    assert grey.describe()["grey_rgb_reduced"] == 4
    with pytest.raises(ValueError, match=r"3 channels that differ, expected 1"):
        grey(torch.cat([BYTES, BYTES, 255 - BYTES], dim=1))


def test_channels_may_come_last_or_not_at_all() -> None:
    """Where there is no doubt about it, and the same way in every batch."""
    rgb = torch.randint(0, 256, (2, 3, 8, 6), dtype=torch.uint8)
    prepare = Preprocessing()
    assert torch.equal(prepare(rgb.permute(0, 2, 3, 1)), rgb)
    assert prepare.describe()["layout"] == "channels last"
    with pytest.raises(ValueError, match=r"have channels first, earlier batches had channels last"):
        prepare(rgb)
    assert torch.equal(Preprocessing()(BYTES[:, 0]), BYTES)
    with pytest.raises(ValueError, match=r"may have their channels first or last"):
        Preprocessing()(torch.zeros(2, 3, 8, 3, dtype=torch.uint8))


@pytest.mark.parametrize("shape", [(2, 5, 8, 8), (8, 8), (0, 3, 8, 8), (1, 2, 3, 4, 5)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """With the shape that was found."""
    with pytest.raises(ValueError, match=r"images must have .* found"):
        Preprocessing()(torch.zeros(shape, dtype=torch.uint8))


def test_other_types_and_arguments_are_refused() -> None:
    """Each in a sentence."""
    with pytest.raises(TypeError, match="found bool"):
        Preprocessing()(torch.zeros(2, 1, 4, 4, dtype=torch.bool))
    with pytest.raises(TypeError, match="found list"):
        Preprocessing()([1.0])
    with pytest.raises(ValueError, match=r"lie in 0\.\.255, found 0 to 300"):
        Preprocessing()(torch.tensor([0, 300]).reshape(1, 1, 1, 2))
    with pytest.raises(ValueError, match="channels must be 1, 3 or None, found 4"):
        Preprocessing(channels=4)
    with pytest.raises(ValueError, match="value_range must be two finite rising values"):
        Preprocessing((1, -1))

"""Whoever attaches without `modes=` is told once which labeller would fit the data."""

from __future__ import annotations

import numpy as np
import pytest

import gandiag
from gandiag.modes.mixtures import preset
from gandiag.rundir.run import Run


def suggestions(folder, real, fake, steps=20, **options):
    with gandiag.Callback(folder, alerts=False, **options) as callback:
        for step in range(steps):
            callback.step(real=real(step), generated=fake(step))
    return [e["modes"] for e in Run.open(folder).events if e["kind"] == "suggestion"]


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((1, 28, 28), ["mnist"]), ((3, 28, 28), ["stacked_mnist"]), ((8, 8), ["digits"]), ((3, 32, 32), []), ((5,), [])],
)
def test_images_of_the_shapes_that_labellers_read(shape, wanted, tmp_path):
    """Said once; nothing of other shapes."""
    random = np.random.default_rng(0)
    batch = lambda _: random.normal(size=(16, *shape))  # noqa: E731
    assert suggestions(tmp_path / "run", batch, batch) == wanted


def test_points_that_lie_on_a_preset_and_others_that_do_not(tmp_path):
    """By the real points."""
    random = np.random.default_rng(0)
    other = lambda _: random.normal(size=(32, 2))  # noqa: E731
    on_it = lambda step: preset("grid25_wgangp").sample(32, np.random.default_rng(step))[0]  # noqa: E731
    assert suggestions(tmp_path / "grid", on_it, other) == ["grid25_wgangp"]
    assert suggestions(tmp_path / "none", other, other) == []
    assert suggestions(tmp_path / "has", on_it, other, modes="grid25_wgangp") == []

"""Which samples are shown, and what becomes of files that cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.reports.strips import MAX_FRAMES, sample_strip
from gandiag.rundir.run import Run, Sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gandiag.findings import Finding


def run_with(*samples: Sample) -> Run:
    return replace(synthetic.healthy(steps=10), samples=samples)


def points_at(path: Path, points: np.ndarray) -> Sample:
    np.savez(path, points=points)
    return Sample(1, "points", str(path))


def test_a_few_of_thirty_snapshots_include_the_ends_and_both_sides_of_an_onset(
    write_images: Callable[[int], tuple[Sample, ...]], collapse: Finding
) -> None:
    """A reader sees how it began, how it ended, and what changed at the onset."""
    strip = sample_strip(run_with(*write_images(30)), [replace(collapse, onset_step=1450)])
    assert len(strip.frames) == 30
    steps = [frame.step for frame in strip.selection]
    assert len(steps) == MAX_FRAMES
    assert {100, 1400, 1500, 3000} <= set(steps)
    assert steps == sorted(steps)
    assert {f.step: f.note for f in strip.frames if f.note} == {1400: "before onset 1", 1500: "after onset 1"}
    assert all(frame.image.startswith(b"\x89PNG") for frame in strip.frames)


def test_planar_points_become_dots_on_common_axes(tmp_path: Path) -> None:
    """Two-dimensional samples are drawn, upwards is up, and NaN points are left out."""
    points = np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, 0.0]])
    strip = sample_strip(run_with(points_at(tmp_path / "a.npz", points)), [])
    low, high = (tuple(map(float, dot.split())) for dot in strip.frames[0].points[1:-2].split("h0M"))
    assert low[0] < high[0]
    assert low[1] > high[1]
    assert "same axes" in strip.notes[1]


def test_longer_vectors_are_not_drawn_but_explained(tmp_path: Path) -> None:
    """Samples of a flat image model tell the reader which argument shows them."""
    strip = sample_strip(run_with(points_at(tmp_path / "a.npz", np.zeros((4, 784)))), [])
    assert not strip.frames
    assert "784" in strip.notes[0]
    assert "image_shape=" in strip.notes[0]
    strip = sample_strip(run_with(points_at(tmp_path / "b.npz", np.zeros((4, 3)))), [])
    assert "image_shape=" not in strip.notes[0]


@pytest.mark.parametrize(("name", "kind"), [("a.png", "image"), ("a.npz", "points")])
def test_a_damaged_file_does_not_cost_the_report(tmp_path: Path, name: str, kind: str) -> None:
    """What cannot be read is said in its place."""
    path = tmp_path / name
    path.write_bytes(b"torn")
    strip = sample_strip(run_with(Sample(1, kind, str(path)), Sample(2, kind, str(tmp_path / "gone"))), [])
    assert [frame.note for frame in strip.frames][1] == "cannot be read: no such file"
    assert "not a" in strip.frames[0].note
    assert not any(frame.image or frame.points for frame in strip.frames)


def test_without_samples_a_sentence_says_so() -> None:
    """An absent strip is explained."""
    assert sample_strip(run_with(), []).notes == ("No samples were saved.",)

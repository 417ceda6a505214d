"""On real MNIST: each thing that can be wrong with samples moves the metrics that should see it, and not the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = os.environ.get("GANDIAG_DATA")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DATA is None, reason="needs GANDIAG_DATA, a folder with mnist/ of IDX files"),
]

Rows = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The table of docs/quality.md, of fewer samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANDIAG_CACHE", str(tmp_path_factory.mktemp("cache")))
        from benchmarks import mnist_table

        found: Rows = mnist_table.table(Path(str(DATA)) / "mnist", reference_n=6000, n=2000, resamples=2)
    return found


def test_real_images_are_near_real_images(rows: Rows) -> None:
    """A distance of no more than its bias, all digits there, nothing copied."""
    plain = rows["test images"]
    assert abs(plain["kernel_distance"]) < 2e-3
    assert plain["frechet"] < 0.3
    assert plain["precision"] > 0.8
    assert plain["recall"] > 0.8
    assert plain["missing digits"] == 0
    assert plain["histogram TV"] < 0.06
    assert abs(plain["c_t"]) < 3


def test_a_lost_digit_is_seen_by_recall_and_not_by_precision(rows: Rows) -> None:
    """Distances and the histogram see it, too; samples themselves are as good as before."""
    plain, found = rows["test images"], rows["no nines"]
    assert found["frechet"] > 4 * plain["frechet"]
    assert found["recall"] < plain["recall"] - 0.03
    assert found["missing digits"] == 1
    assert found["histogram TV"] > plain["histogram TV"] + 0.05
    assert found["precision"] == pytest.approx(plain["precision"], abs=0.03)


def test_duplicates_are_seen_by_the_birthday_paradox_alone(rows: Rows) -> None:
    """One sample in a hundred is too few for any distance."""
    plain, found = rows["test images"], rows["1 % duplicates"]
    assert found["support"] < plain["support"] / 3
    assert found["frechet"] == pytest.approx(plain["frechet"], abs=0.05)
    assert found["precision"] == pytest.approx(plain["precision"], abs=0.03)
    assert found["coverage"] == pytest.approx(plain["coverage"], abs=0.03)
    assert found["vendi"] == pytest.approx(plain["vendi"], abs=0.05)


@pytest.mark.parametrize("change", ["noise", "blur"])
def test_bad_images_are_seen_by_precision(rows: Rows, change: str) -> None:
    """With the distances, density and coverage; every digit is still there."""
    plain, found = rows["test images"], rows[change]
    assert found["frechet"] > 10 * plain["frechet"]
    assert found["kernel_distance"] > 0.05
    assert found["precision"] < plain["precision"] - 0.3
    assert found["density"] < plain["density"] / 2
    assert found["coverage"] < plain["coverage"] / 2
    assert found["missing digits"] == 0
    assert found["c_t"] > 3


def test_copies_are_seen_by_the_tests_for_copying_alone(rows: Rows) -> None:
    """To a distance copies of training images are as good as any."""
    plain, found = rows["test images"], rows["20 % training images"]
    assert found["c_t"] < -3
    assert found["authpct"] < plain["authpct"] - 8
    assert found["frechet"] < plain["frechet"] + 0.03
    assert found["missing digits"] == 0
    assert found["support"] == pytest.approx(plain["support"])

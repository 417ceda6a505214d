"""The tables that recipes learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gandiag.zoo import data
from gandiag.zoo.data import DATA, Data, MissingDataError


def made(make) -> Data:
    try:
        return make()
    except MissingDataError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("make", DATA, ids=lambda make: make.__name__)
def test_a_table_is_float32_with_a_label_a_sample(make) -> None:
    table = made(make)
    assert table.samples.dtype == torch.float32
    assert table.labels.dtype == torch.int64
    assert table.labels.shape == (len(table.samples),)
    assert torch.isfinite(table.samples).all()
    assert make() is table  # the same in every recipe


def test_names_are_distinct() -> None:
    tables = [made(make) for make in DATA if "mnist" not in make.__name__]
    assert len({table.name for table in tables}) == len(tables)


@pytest.mark.parametrize(
    ("make", "modes", "inside"), [(data.ring8, 8, 0.98889), (data.ring8_pacgan, 8, 0.98889), (data.grid25, 25, 0.98889)]
)
def test_mixtures_have_distinct_centres_equal_weights_and_right_labels(make, modes: int, inside: float) -> None:
    """Eight distinct angles, not seven; and 98.9 % of the samples within 3 sigma, as the plane has it."""
    table = make()
    assert len(np.unique(table.truth.centres.round(6), axis=0)) == modes
    assert np.allclose(table.truth.weights, 1 / modes)
    assert torch.allclose(torch.bincount(table.labels) / len(table.labels), torch.tensor(1 / modes), atol=0.005)
    found = table.truth.label(table.samples.numpy())
    assert (found >= 0).mean() == pytest.approx(inside, abs=0.002)
    assert (found[found >= 0] == table.labels.numpy()[found >= 0]).all()


def test_parts_of_the_swiss_roll_are_told_apart() -> None:
    """The truth of a sample is one of 16 balls along the roll: most samples, and almost none of another turn."""
    table = data.swiss_roll()
    labels, found = table.labels.numpy(), table.truth.label(table.samples.numpy())
    assert np.allclose(np.bincount(labels) / len(labels), 1 / 16, atol=1e-3)
    assert (found >= 0).mean() > 0.95
    assert (found == labels).mean() > 0.85
    assert np.abs(found - labels)[found >= 0].max() <= 1  # errors are those of neighbours


def test_tabular_columns_are_two_numbers_and_two_one_hot_categories() -> None:
    table = data.tabular()
    numbers, first, second = table.samples.split([2, *data.TABULAR], dim=1)
    for category in (first, second):
        assert set(category.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(category.sum(dim=1), torch.ones(len(category)))
    assert numbers.mean(dim=0).abs().max() < 0.15
    assert (table.truth.label(table.samples.numpy()) == table.labels.numpy()).mean() > 0.98


def test_a_row_belongs_to_the_segment_of_its_categories() -> None:
    """The numbers of the fourth segment, just more of the fifth's categories: by distance it would be the fourth's."""
    truth = data.tabular().truth
    row = np.array([[0.9, -0.9, 0, 0.49, 0.51, 0.51, 0.49]])
    assert truth.distance(row)[1] == [4]
    assert np.linalg.norm(truth.centres - row, axis=1).argmin() == 3


def test_centred_data_have_no_mean() -> None:
    assert data.gaussian().samples.mean(dim=0).abs().max() < 1e-4
    assert data.dirac().samples.tolist() == [[0.0]]


def test_digits_lie_between_minus_one_and_one_and_the_truth_knows_them() -> None:
    table = data.digits()
    assert (table.samples.min(), table.samples.max()) == (-1, 1)
    assert table.shape == (1, 8, 8)
    assert (table.truth.label(table.samples[:300].numpy()) == table.labels[:300].numpy()).mean() > 0.95


def test_what_mnist_holds_out_is_not_in_what_is_trained_on() -> None:
    table = made(data.mnist)
    assert table.held_out.shape[1:] == table.shape
    assert (table.held_out.min(), table.held_out.max()) == (-1, 1)
    known = {image.numpy().tobytes() for image in table.samples}
    assert not any(image.numpy().tobytes() in known for image in table.held_out[:200])


def test_a_stacked_label_reads_like_a_number() -> None:
    """Label 345 is a 3 in the first channel, a 4 in the second, a 5 in the third."""
    table = made(data.stacked_mnist)
    single = data.mnist()
    assert table.shape == (3, 28, 28)
    for image, label in zip(table.samples[:3], table.labels[:3].tolist(), strict=True):
        for channel, digit in zip(image, f"{label:03d}", strict=True):
            same = (single.samples[:, 0] == channel).flatten(1).all(dim=1)
            assert int(digit) in single.labels[same].tolist()


def test_batches_are_drawn_with_torchs_random_numbers() -> None:
    table = Data("four", torch.arange(4.0)[:, None], torch.arange(4))
    torch.manual_seed(0)
    samples, labels = table.batch(1000)
    torch.manual_seed(0)
    assert torch.equal(table.batch(1000)[0], samples)
    assert torch.equal(samples[:, 0].long(), labels)
    assert torch.bincount(labels).min() > 200


def test_without_classes_and_first_samples() -> None:
    table = Data("four", torch.arange(8.0)[:, None], torch.arange(8) % 4)
    assert table.without(1, 3).labels.tolist() == [0, 2, 0, 2]
    assert table.without(1, 3).samples.flatten().tolist() == [0, 2, 4, 6]
    assert table.first(3).samples.flatten().tolist() == [0, 1, 2]
    assert table.samples.shape == (8, 1)  # unchanged


def test_missing_files_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANDIAG_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(MissingDataError, match=r"train-images-idx3-ubyte .*elsewhere/mnist .*GANDIAG_DATA"):
        data.mnist_folder()
    (tmp_path / "elsewhere" / "mnist").mkdir(parents=True)
    (tmp_path / "elsewhere" / "mnist" / "train-images-idx3-ubyte.gz").touch()
    assert data.mnist_folder() == tmp_path / "elsewhere" / "mnist"


def test_torchvisions_folder_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANDIAG_DATA", raising=False)
    (tmp_path / "data/MNIST/raw").mkdir(parents=True)
    (tmp_path / "data/MNIST/raw/train-images-idx3-ubyte").touch()
    assert data.mnist_folder() == Path("data/MNIST/raw")

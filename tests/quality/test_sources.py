"""Sources: samples come in order, from any place, and whatever cannot be read is named."""

from __future__ import annotations

import gzip
import json
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import IterableDataset, TensorDataset

from gandiag.quality.extractors.preprocessing import Preprocessing
from gandiag.quality.sources.open import FolderSource, Source, SourceError, open_source
from gandiag.quality.sources.tiles import untiled
from gandiag.rundir.snapshots import encode, grid

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 3, 6, 5), dtype=np.uint8)


def read(source: Source, batch_size: int = 4, start: int = 0, stop: int | None = None) -> torch.Tensor:
    return torch.cat(list(source.batches(batch_size, start, stop)))


def save(image: np.ndarray, path: Path, **options: Any) -> None:
    """An image (C, H, W) or (H, W) as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.transpose(1, 2, 0) if image.ndim == 3 else image).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The images as PNG files, whose names sort as they do."""
    for index, image in enumerate(IMAGES):
        save(image, tmp_path / "images" / f"{index:03}.png")
    return tmp_path / "images"


def idx_file(path: Path, array: np.ndarray, cut: int = 0) -> Path:
    """An IDX file of uint8, gzipped where its name says so, short of some bytes."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    content = content[: len(content) - cut]
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(params=["folder", "npy", "npz", "array", "tensor", "dataset"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """The same images from each kind of place."""
    if request.param == "folder":
        return open_source(request.getfixturevalue("folder"))
    np.save(tmp_path / "images.npy", IMAGES)
    np.savez(tmp_path / "images.npz", images=IMAGES)
    tensor = torch.from_numpy(IMAGES)
    places = {
        "npy": tmp_path / "images.npy",
        "npz": str(tmp_path / "images.npz"),
        "array": IMAGES,
        "tensor": tensor,
        "dataset": TensorDataset(tensor),
    }
    return open_source(places[request.param])


@pytest.mark.parametrize(("size", "start", "stop"), [(4, 0, None), (1, 3, 7), (100, 0, 11), (3, 10, 11), (5, 11, None)])
def test_every_source_reads_any_span_in_order(source: Source, size: int, start: int, stop: int | None) -> None:
    """So that shards of it add up to the whole."""
    assert isinstance(source, Source)
    assert len(source) == 11
    batches = list(source.batches(size, start, stop))
    assert all(len(batch) == size for batch in batches[:-1])
    if start < 11:
        assert torch.equal(torch.cat(batches), torch.from_numpy(IMAGES[start:stop]))
    else:
        assert batches == []


@pytest.mark.parametrize("span", [(0, 0, None), (4, -1, None), (4, 5, 3), (4, 0, 12)])
def test_spans_outside_are_refused(source: Source, span: tuple[int, int, int | None]) -> None:
    """At the call, with what was found."""
    with pytest.raises(ValueError, match=r"batch_size must be at least 1|start and stop must lie in 0..11 in order"):
        source.batches(*span)


def test_content_hash_is_of_the_content(tmp_path: Path) -> None:
    """The same for an array, a tensor and files of them; another for other values, types and shapes."""
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez_compressed(tmp_path / "a.npz", x=IMAGES)
    digest = open_source(IMAGES).content_hash()
    assert len(digest) == 16
    for same in (
        torch.from_numpy(IMAGES),
        tmp_path / "a.npy",
        tmp_path / "a.npz",
        TensorDataset(torch.from_numpy(IMAGES)),
    ):
        assert open_source(same).content_hash() == digest
    changed = IMAGES.copy()
    changed[-1, -1, -1, -1] ^= 1
    for other in (changed, IMAGES.astype(np.float32), IMAGES[:, :, ::-1], IMAGES.reshape(11, 3, 5, 6), IMAGES[:-1]):
        assert open_source(other).content_hash() != digest


def test_content_hash_of_a_folder_follows_its_files(folder: Path) -> None:
    """Their bytes and their order."""
    digest = open_source(folder).content_hash()
    (folder / "000.png").rename(folder / "0000.png")
    assert open_source(folder).content_hash() == digest
    (folder / "0000.png").rename(folder / "999.png")
    assert open_source(folder).content_hash() != digest


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 64), st.sampled_from([1, 3]), st.integers(2, 9), st.integers(2, 9), st.integers(0, 5))
def test_tiles_of_a_snapshot_are_taken_apart(count: int, channels: int, height: int, width: int, seed: int) -> None:
    """Whatever their number and size, they come back as they were."""
    images = np.random.default_rng(seed).integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    assert np.array_equal(untiled(grid(images)), images)


def test_a_run_gives_its_latest_snapshot(tmp_path: Path) -> None:
    """Or that of a step; runs of points give points."""
    run = tmp_path / "run"
    (run / "samples").mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"schema": "gandiag-run/1"}))
    with pytest.raises(SourceError, match="has no snapshot, found none"):
        open_source(run)
    for step, images in ((2, IMAGES[:4]), (16, IMAGES[4:9])):
        content, suffix = encode(images)
        (run / "samples" / f"step-{step:08}{suffix}").write_bytes(content)
    assert torch.equal(read(open_source(run)), torch.from_numpy(IMAGES[4:9]))
    assert torch.equal(read(open_source(run, step=2)), torch.from_numpy(IMAGES[:4]))
    with pytest.raises(SourceError, match="no snapshot at step 3, found steps 2 to 16"):
        open_source(run, step=3)
    points = np.random.default_rng(1).normal(size=(9, 2)).astype(np.float32)
    (run / "samples" / "step-00000032.npz").write_bytes(encode(points)[0])
    assert torch.equal(read(open_source(run)), torch.from_numpy(points))
    save(np.arange(12 * 17, dtype=np.uint8).reshape(12, 17), run / "samples" / "step-00000064.png")
    (run / "samples" / "step-00000128.png").write_bytes(b"torn")
    with pytest.raises(SourceError, match=r"step-00000128.png cannot be read"):
        open_source(run)


def test_vectors_and_grey_images_get_their_axes() -> None:
    """(N, D) stays, (N, H, W) becomes (N, 1, H, W)."""
    assert read(open_source(np.zeros((5, 2), dtype=">f4"))).shape == (5, 2)
    assert read(open_source(np.zeros((5, 8, 8)))).shape == (5, 1, 8, 8)
    assert read(open_source(torch.zeros(5, 8, 8, dtype=torch.uint8))).shape == (5, 1, 8, 8)
    assert read(open_source(np.zeros((5, 4, 4), dtype=np.uint16))).dtype == torch.int64


def test_labels_are_found_where_they_are_kept(tmp_path: Path) -> None:
    """In an .npz, beside an IDX file, in a dataset, in the names of folders."""
    labels = np.arange(11) % 3
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels)
    np.savez(tmp_path / "b.npz", x_train=IMAGES[:5], y_train=labels[:5], x_test=IMAGES, y_test=labels)
    digits = idx_file(tmp_path / "t10k-images-idx3-ubyte.gz", IMAGES[:, 0])
    idx_file(tmp_path / "t10k-labels-idx1-ubyte", labels)
    for label, image in zip(labels, IMAGES, strict=True):
        save(image, tmp_path / "classes" / f"class {label}" / f"{image[0, 0, 0]}.jpg")
    dataset = TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(labels))
    opened = [open_source(place) for place in (tmp_path / "a.npz", digits, dataset)]
    opened.append(open_source(tmp_path / "b.npz", key="x_test"))
    for found in opened:
        assert found.labels is not None
        assert found.labels.tolist() == labels.tolist()
    classes = open_source(tmp_path / "classes")
    assert isinstance(classes, FolderSource)
    assert classes.classes == ("class 0", "class 1", "class 2")
    assert classes.labels is not None
    assert classes.labels.tolist() == sorted(labels.tolist())
    assert open_source(IMAGES).labels is None


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """As many as samples, and whole numbers."""
    np.savez(tmp_path / "few.npz", images=IMAGES, labels=np.zeros(3, dtype=int))
    np.savez(tmp_path / "soft.npz", images=IMAGES, labels=np.zeros(11))
    for name, found in (("few", r"shape \(3,\)"), ("soft", "type torch.float64")):
        with pytest.raises(SourceError, match=rf"labels of .* must be \(11,\) whole numbers, found .*{found}"):
            open_source(tmp_path / f"{name}.npz")


def test_idx_files_are_read_zipped_or_not(tmp_path: Path) -> None:
    """Cut, lengthened and other files are refused with their byte counts."""
    for name in ("train-images-idx3-ubyte", "images.gz"):
        found = read(open_source(idx_file(tmp_path / name, IMAGES[:, 0])))
        assert torch.equal(found, torch.from_numpy(IMAGES[:, :1]))
    with pytest.raises(ValueError, match=r"holds 320 bytes of data, its header says 330 for shape \(11, 6, 5\)"):
        open_source(idx_file(tmp_path / "cut-idx3", IMAGES[:, 0], cut=10))
    torn = tmp_path / "torn-idx3-ubyte.gz"
    torn.write_bytes(idx_file(tmp_path / "whole.gz", IMAGES[:, 0]).read_bytes()[:200])
    with pytest.raises(ValueError, match=r"torn-idx3-ubyte.gz cannot be read as an IDX file"):
        open_source(torn)


def test_mnist_is_read(tmp_path: Path) -> None:
    """With its labels, from the files that everybody has."""
    data = os.environ.get("GANDIAG_DATA")
    if not data:
        pytest.skip("GANDIAG_DATA does not say where MNIST is")
    found = open_source(Path(data) / "mnist" / "t10k-images-idx3-ubyte.gz")
    assert found.labels is not None
    assert found.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert next(found.batches(2)).shape == (2, 1, 28, 28)


def test_empty_and_missing_places_are_refused(tmp_path: Path) -> None:
    """With what is there instead."""
    with pytest.raises(SourceError, match="there is no file or folder /nowhere"):
        open_source("/nowhere")
    with pytest.raises(SourceError, match=r"holds no images \(\.png, .*\)$"):
        open_source(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    save(IMAGES[0], tmp_path / ".hidden" / "a.png")
    with pytest.raises(SourceError, match=r"holds no images .*, but other files: notes.txt$"):
        open_source(tmp_path)
    with pytest.raises(SourceError, match=r"none of: a folder of images, \.npz"):
        open_source(tmp_path / "notes.txt")
    with pytest.raises(SourceError, match="for images name their folder"):
        open_source(tmp_path / ".hidden" / "a.png")
    with pytest.raises(TypeError, match=r"samples must be a path, an array.* found list"):
        open_source([1, 2])


def corrupt(folder: Path) -> None:
    """One file is no image at all, of another only the beginning is left."""
    (folder / "004.png").write_text("not an image")
    whole = (folder / "007.png").read_bytes()
    (folder / "007.png").write_bytes(whole[: len(whole) // 2])


def test_corrupt_images_are_counted_and_named(folder: Path) -> None:
    """When the folder is opened, where headers tell; all of them, with the way out."""
    corrupt(folder)
    expected = r"2 of 11 images in .* are corrupt: 004.png, 007.png \(.*cannot identify .*\); .* skip_corrupt=True"
    with pytest.raises(SourceError, match=expected):
        open_source(folder)


def test_images_whose_end_is_missing_are_found_when_read(folder: Path) -> None:
    """Then too, the message counts all of the folder."""
    for name in ("003.png", "009.png"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
    opened = open_source(folder)
    with pytest.raises(SourceError, match=r"2 of 11 images in .* are corrupt: 003.png, 009.png"):
        read(opened)


def test_corrupt_images_are_left_out_on_request(folder: Path) -> None:
    """And listed; a folder with nothing else is refused."""
    corrupt(folder)
    opened = open_source(folder, skip_corrupt=True)
    assert isinstance(opened, FolderSource)
    assert [file.name for file in opened.skipped] == ["004.png", "007.png"]
    assert len(opened) == 9
    assert torch.equal(read(opened), torch.from_numpy(np.delete(IMAGES, [4, 7], axis=0)))
    for file in folder.glob("*.png"):
        file.write_text("nothing")
    with pytest.raises(SourceError, match="has 11 images, none of which can be decoded"):
        open_source(folder, skip_corrupt=True)


def test_sizes_that_differ_are_refused(folder: Path) -> None:
    """Two files are named with their sizes."""
    save(IMAGES[0, :, :4], folder / "005.png")
    expected = r"000.png is 6x5, 005.png is 4x5 \(height x width\), 1 of 11 differ from the first; resize"
    with pytest.raises(SourceError, match=expected):
        open_source(folder)


def test_grey_colour_palette_and_alpha_share_a_folder(tmp_path: Path) -> None:
    """All get the channels of the richest, which preprocessing reduces or refuses."""
    rgba = np.concatenate([IMAGES[1], np.full((1, 6, 5), 255, np.uint8)])
    save(IMAGES[0, 0], tmp_path / "0.png")
    save(rgba, tmp_path / "1.PNG")
    Image.fromarray(IMAGES[2].transpose(1, 2, 0)).quantize(16).save(tmp_path / "2.png")
    save(IMAGES[3], tmp_path / "3.bmp")
    images = read(open_source(tmp_path))
    assert images.shape == (4, 4, 6, 5)
    assert torch.equal(images[0, :3], torch.from_numpy(IMAGES[0, :1]).expand(3, -1, -1))
    prepared = Preprocessing(channels=3)(images)
    assert torch.equal(prepared[[1, 3]], torch.from_numpy(IMAGES[[1, 3]]))
    deep = tmp_path / "deep"
    save(IMAGES[0, 0].astype(np.uint16) * 256, deep / "0.png")
    with pytest.raises(SourceError, match="pixels of more than 8 bits"):
        open_source(deep)
    only_grey = tmp_path / "grey"
    save(IMAGES[0, 0], only_grey / "0.tiff")
    assert read(open_source(only_grey)).shape == (1, 1, 6, 5)


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((0, 2)), r"array holds no samples: its shape is \(0, 2\)"),
        (np.zeros(5), r"must have shape \(N, C, H, W\), .* found \(5,\)"),
        (np.zeros((1, 2, 3, 4, 5)), "found"),
        (np.zeros((5, 2), dtype=bool), "whole numbers or floats, found bool"),
        (np.zeros((5, 2), dtype=complex), "found complex128"),
        (np.array([["a"]]), "found str"),
        (np.array([[None]]), "found object"),
    ],
)
def test_arrays_that_hold_no_samples_are_refused(array: np.ndarray, match: str) -> None:
    """With their type and shape."""
    with pytest.raises(SourceError, match=match):
        open_source(array)


def test_files_of_arrays_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """Cut short, of objects (which pickles could be), or with keys that leave doubt."""
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez(tmp_path / "a.npz", images=IMAGES)
    for name in ("a.npy", "a.npz"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / f"cut-{name}").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(SourceError, match=f"cut-{name} cannot be read"):
            open_source(tmp_path / f"cut-{name}")
    np.save(tmp_path / "objects.npy", np.array([[{}]]), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", images=np.array([[{}]]))
    for name in ("objects.npy", "objects.npz"):
        with pytest.raises(SourceError, match=f"{name} cannot be read: .*[Oo]bject"):
            open_source(tmp_path / name)
    np.savez(tmp_path / "two.npz", real=IMAGES, fake=IMAGES)
    with pytest.raises(
        SourceError, match="holds the arrays real, fake: which one holds the samples is unclear, pass key"
    ):
        open_source(tmp_path / "two.npz")
    assert len(open_source(tmp_path / "two.npz", key="fake")) == 11
    with pytest.raises(SourceError, match="found no 'false'"):
        open_source(tmp_path / "two.npz", key="false")
    np.savez(tmp_path / "fid.npz", mu=np.zeros(2), sigma=np.eye(2))
    with pytest.raises(SourceError, match=r"holds statistics \(mu, sigma\), no samples"):
        open_source(tmp_path / "fid.npz")


class Items:
    """A dataset of whatever it is given."""

    def __new__(cls, *items: object) -> Any:
        class Given(torch.utils.data.Dataset[Any]):
            def __len__(self) -> int:
                return len(items)

            def __getitem__(self, index: int) -> object:
                return items[index]

        return Given()


class Endless(IterableDataset[torch.Tensor]):
    """A stream, which cannot be counted."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        yield torch.zeros(2)


def test_datasets_give_tensors_arrays_or_images() -> None:
    """Alone or first in a tuple; anything else is named."""
    picture = Image.fromarray(IMAGES[0].transpose(1, 2, 0))
    for item in (torch.from_numpy(IMAGES[0]), (IMAGES[0], 3), [picture]):
        assert torch.equal(read(open_source(Items(item))), torch.from_numpy(IMAGES[:1]))
    assert read(open_source(Items(picture.convert("L")))).shape == (1, 1, 6, 5)
    with pytest.raises(SourceError, match="must be tensors, arrays or images, alone or first, found dict"):
        read(open_source(Items({"image": picture})))
    with pytest.raises(SourceError, match=r"differ: 0 is \(2,\) torch.float32, 1 is \(3,\) torch.float32"):
        read(open_source(Items(torch.zeros(2), torch.zeros(3))))
    with pytest.raises(SourceError, match="Endless has no length"):
        open_source(Endless())
    with pytest.raises(SourceError, match="holds no samples"):
        open_source(Items())


def test_a_tensor_stays_where_it_is() -> None:
    """Batches are views of it, without its gradient."""
    tensor = torch.zeros(4, 2, requires_grad=True)
    (batch,) = open_source(tensor).batches(4)
    assert batch.data_ptr() == tensor.data_ptr()
    assert not batch.requires_grad


def test_reading_may_be_left_early(folder: Path) -> None:
    """Without waiting for what was to come."""
    batches = open_source(folder).batches(2)
    assert len(next(iter(batches))) == 2
    batches.close()

"""Eleven images in every place that people keep images in; and the places that cannot be read."""

from __future__ import annotations

import gzip
import io
import itertools
import struct
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from gandiag.quality import open_source
from gandiag.rundir.snapshots import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 3, 6, 5), dtype=np.uint8)
LABELS = [index % 3 for index in range(len(IMAGES))]


@dataclass(frozen=True)
class Place:
    """One kind of place: what it is, how it is passed, and what makes one below an empty folder."""

    what: str
    passed: str
    make: Callable[[Path], Any]
    labels: bool = False  # it says which class each image is of


PLACES: dict[str, Place] = {}


def place(what: str, passed: str, *, labels: bool = False) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    """Adds a function that makes a place to the table."""

    def add(make: Callable[[Path], Any]) -> Callable[[Path], Any]:
        PLACES[make.__name__] = Place(what, passed, make, labels)
        return make

    return add


def outcome(name: str, folder: Path) -> tuple[torch.Tensor | None, list[int] | None, str]:
    """What is read from a place: images, labels, and the notes; or the sentence of the refusal."""
    try:
        source = open_source(PLACES[name].make(folder))
        images = torch.cat(list(source.batches(4)))
    except (ValueError, TypeError) as error:
        return None, None, str(error).replace(f"{folder}/", "")
    labels = None if source.labels is None else source.labels.tolist()
    return images, labels, " ".join(getattr(source, "notes", ()))


def images_in(folder: Path, suffix: str = ".png", count: int = 11) -> Path:
    """Files 000.png, 001.png and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(IMAGES[:count]):
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{index:03}{suffix}")
    return folder


@place("a folder of images, nested or not", "`samples/`")
def folder_of_images(at: Path) -> Path:
    return images_in(at / "samples" / "below").parent


@place("a folder with one subfolder per class", "`data/`", labels=True)
def folder_per_class(at: Path) -> Path:
    for index, image in enumerate(IMAGES):
        (at / "data" / "abc"[index * 3 // 11]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(at / "data" / "abc"[index * 3 // 11] / f"{index:03}.png")
    return at / "data"


@place("a folder of links to images and folders", "`links/`")
def folder_of_links(at: Path) -> Path:
    (at / "links").mkdir()
    (at / "links" / "data").symlink_to(images_in(at / "elsewhere"))
    return at / "links"


@place("images beside other files", "`samples/`")
def folder_with_other_files(at: Path) -> Path:
    (images_in(at / "samples") / "labels.csv").write_text("")
    return at / "samples"


@place("PPM, TIFF, BMP, TGA, GIF, JPEG 2000, AVIF, JFIF, ...", "`samples/`")
def folder_of_ppm(at: Path) -> Path:
    return images_in(at / "samples", ".ppm")


@place("a .zip of images", "`images.zip`")
def zip_of_images(at: Path) -> Path:
    with zipfile.ZipFile(at / "images.zip", "w") as archive:
        for file in sorted(images_in(at / "inside").iterdir()):
            archive.write(file, file.name)
    return at / "images.zip"


def tar_of_images(path: Path, *, mode: str = "w") -> Path:
    """As WebDataset has them: an image and a class for each sample."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for index, file in enumerate(sorted(images_in(path.parent / "inside").iterdir())):
            archive.add(file, file.name)
            entry = tarfile.TarInfo(f"{file.stem}.cls")
            entry.size = len(content := str(LABELS[index]).encode())
            archive.addfile(entry, io.BytesIO(content))
    return path


@place("a .tar of images, also WebDataset's with classes", "`train-000000.tar`", labels=True)
def tar(at: Path) -> Path:
    return tar_of_images(at / "train-000000.tar")


@place("a compressed .tar", "`images.tar.gz`")
def tar_gz(at: Path) -> Path:
    return tar_of_images(at / "images.tar.gz", mode="w:gz")


def parquet_of_images(path: Path) -> Path:
    """As the Hugging Face hub stores images."""
    files = sorted(images_in(path.parent.parent / "in").iterdir())
    rows = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"image": rows, "label": LABELS}), path, row_group_size=4)
    return path


@place("Parquet with images, as the Hugging Face hub has it", "`train.parquet`", labels=True)
def parquet(at: Path) -> Path:
    return parquet_of_images(at / "hub" / "train.parquet")


@place("a folder of .parquet or .tar shards", "`data/`", labels=True)
def shards(at: Path) -> Path:
    return parquet_of_images(at / "data" / "train-00000-of-00001.parquet").parent


@place(".npz with one array, or one named images, samples, x, arr_0, ...", "`samples.npz`", labels=True)
def npz(at: Path) -> Path:
    np.savez(at / "samples.npz", images=IMAGES, labels=np.array(LABELS))
    return at / "samples.npz"


@place(".npz with several arrays", "`samples.npz` and `--key fake`")
def npz_of_several(at: Path) -> Path:
    np.savez(at / "samples.npz", real=IMAGES, fake=IMAGES)
    return at / "samples.npz"


@place(".npy", "`samples.npy`")
def npy(at: Path) -> Path:
    np.save(at / "samples.npy", IMAGES)
    return at / "samples.npy"


@place("a tensor of torch.save", "`samples.pt`")
def tensor_file(at: Path) -> Path:
    torch.save(torch.from_numpy(IMAGES), at / "samples.pt")
    return at / "samples.pt"


@place("a pickle of Python objects", "`samples.pt`")
def pickle_file(at: Path) -> Path:
    torch.save({"images": IMAGES}, at / "samples.pt")
    return at / "samples.pt"


@place("safetensors", "`samples.safetensors`")
def safetensors(at: Path) -> Path:
    save_file({"images": torch.from_numpy(IMAGES)}, at / "samples.safetensors")
    return at / "samples.safetensors"


@place("IDX, as MNIST is distributed, also gzipped", "`train-images-idx3-ubyte.gz`")
def idx(at: Path) -> Path:
    grey = IMAGES[:, 0]
    header = struct.pack(">HBB3I", 0, 8, 3, *grey.shape)
    (at / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + grey.tobytes()))
    return at / "t10k-images-idx3-ubyte.gz"


@place("guided-diffusion's reference: samples beside mean and covariance", "`--reference VIRTUAL.npz`")
def guided_diffusion(at: Path) -> Path:
    np.savez(at / "VIRTUAL.npz", arr_0=IMAGES, mu=np.zeros(3), sigma=np.eye(3))
    return at / "VIRTUAL.npz"


@place("a run directory: its latest snapshot of samples", "`runs/dcgan`")
def run_directory(at: Path) -> Path:
    (at / "run" / "samples").mkdir(parents=True)
    (at / "run" / "run.json").write_text('{"schema": "gandiag-run/1"}')
    content, suffix = encode(IMAGES)
    (at / "run" / "samples" / f"step-00000002{suffix}").write_bytes(content)
    return at / "run"


@place("one image", "`a.png`")
def one_image(at: Path) -> Path:
    return images_in(at / "samples", count=1) / "000.png"


@place("an array or a tensor", "`evaluate(samples, real)`")
def array(at: Path) -> Any:
    return torch.from_numpy(IMAGES)


@place("a data set of torch or torchvision", "`evaluate(samples, dataset)`", labels=True)
def dataset(at: Path) -> Any:
    return TensorDataset(torch.from_numpy(IMAGES), torch.tensor(LABELS))


class Rows:
    """A data set as the package `datasets` has them: rows are dictionaries, columns are read by their name."""

    column_names = ("image", "label")

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, at: int | str) -> Any:
        if isinstance(at, str):
            return LABELS
        return {"image": Image.fromarray(IMAGES[at].transpose(1, 2, 0)), "label": LABELS[at]}


@place("a data set of Hugging Face `datasets`", "`evaluate(samples, dataset)`", labels=True)
def hugging_face(at: Path) -> Any:
    return Rows()


@place("a DataLoader", "`evaluate(samples, loader)`", labels=True)
def loader(at: Path) -> Any:
    return DataLoader(dataset(at), batch_size=3)


@place("any iterable of batches, or of dictionaries", "`evaluate(batches, real)`", labels=True)
def iterable(at: Path) -> Any:
    return ({"image": IMAGES[a : a + 4], "label": np.array(LABELS[a : a + 4])} for a in range(0, 11, 4))


@place("an iterable that never ends", "`evaluate(batches, real)`")
def endless(at: Path) -> Any:
    return itertools.repeat(torch.zeros(1).expand(2**32, 2))


class Stream(IterableDataset[torch.Tensor]):
    """Samples one by one, of unknown number."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        yield torch.zeros(2)


@place("an IterableDataset without a length", "`evaluate(dataset, real)`")
def stream(at: Path) -> Any:
    return Stream()

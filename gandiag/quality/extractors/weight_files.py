"""Files of pretrained weights: where they lie or come from, what they should be, and what to do without a network."""

from __future__ import annotations

import hashlib
import pickle
import re
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

UNREADABLE = (
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    pickle.UnpicklingError,
)
"""What torch raises for a file that is not what it should be."""


class WeightsError(ValueError):
    """Weights that are missing, are not the expected ones or lack something beside them."""


@dataclass(frozen=True)
class Remote:
    """Where an extractor's weights come from.

    Parameters
    ----------
    url
        Address of the file.
    file
        Its name in torch.hub's cache, the one that torch-fidelity uses.
    sha256
        What its SHA-256 begins with, where the publisher says so, else None.
    """

    url: str
    file: str
    sha256: str | None = None

    @property
    def cached(self) -> Path:
        """The place in torch.hub's cache.

        >>> Remote("https://example.org/a.pth", "a.pth").cached.parts[-2:]
        ('checkpoints', 'a.pth')
        """
        return Path(torch.hub.get_dir()) / "checkpoints" / self.file


def remote(name: str) -> Remote | None:
    """Where torch-fidelity gets the weights of an extractor from; None for one that is not its own.

    >>> remote("dinov2-vit-s-14").file
    'dinov2_vits14_pretrain.pth'
    """
    from torch_fidelity import feature_extractor_clip as clip
    from torch_fidelity import feature_extractor_dinov2 as dinov2
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    if name in clip.MODEL_URLS:
        digest = clip.MODEL_METADATA[name]["hash"]
        return Remote(clip.MODEL_URLS[name], f"{name}-{digest}.pt", digest)
    if name in dinov2.MODEL_METADATA:
        arch = dinov2.MODEL_METADATA[name]
        file = f"{arch}_pretrain.pth"
        return Remote(f"https://dl.fbaipublicfiles.com/dinov2/{arch}/{file}", file)
    if name == "inception-v3-compat":
        return Remote(URL_INCEPTION_V3, URL_INCEPTION_V3.rsplit("/", 1)[1])
    if name == "vgg16":
        url = str(import_module("torchvision.models").VGG16_Weights.IMAGENET1K_V1.url)
        return Remote(url, url.rsplit("/", 1)[1], "397923af")
    return None


def located(name: str, given: str | PathLike[str] | None) -> Path | None:
    """The file of an extractor's weights: the given one, that of torch.hub's cache, or a download into it.

    None for an extractor that is not torch-fidelity's own and without a file.

    Raises
    ------
    WeightsError
        When the given file does not exist or the download fails.
    """
    if given is not None:
        path = Path(given).expanduser()
        if not path.is_file():
            raise WeightsError(f"weights of {name}: there is no file {path}")
        return path
    source = remote(name)
    if source is None or source.cached.is_file():
        return None if source is None else source.cached
    try:
        source.cached.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(source.url, str(source.cached), source.sha256, progress=sys.stderr.isatty())
    except (OSError, RuntimeError) as error:
        place = (
            f"put that file at {source.cached} or pass its path as weights (--extractor-weights); or take an extractor "
            "that comes with gandiag: --extractor pixels, or digits or mnist for images of digits"
        )
        raise WeightsError(f"weights of {name} could not be had from {source.url} ({error}): {place}") from error
    return source.cached


@contextmanager
def opened(path: Path, name: str, checksum: str | None) -> Iterator[IO[bytes]]:
    """The file, checked before anything in it is interpreted; errors of reading it become one sentence.

    Raises
    ------
    ValueError
        When the checksum is no SHA-256.
    WeightsError
        When the file has another checksum or is not what the reader expects.
    """
    if checksum is not None and not re.fullmatch("[0-9a-fA-F]{8,64}", checksum):
        raise ValueError(f"checksum must be 8 to 64 hex digits of a SHA-256, found {checksum!r}")
    try:
        with path.open("rb") as file:
            if checksum is not None:
                _compare(file, path, checksum.lower())
            yield file
    except WeightsError:
        raise
    except UNREADABLE as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        raise WeightsError(f"{path} does not hold weights of {name} that can be read safely: {reason}") from error


def state_dict(file: IO[bytes]) -> dict[str, Any]:
    """The tensors in a file, read without running any code that it may hold."""
    file.seek(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected pickle protocol")
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    file.seek(0)
    return state


def _compare(file: IO[bytes], path: Path, checksum: str) -> None:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    file.seek(0)
    if not digest.hexdigest().startswith(checksum):
        raise WeightsError(f"SHA-256 of {path} is {digest.hexdigest()}, expected {checksum}")

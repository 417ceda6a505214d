"""What every extractor is made of: its protocol, its hash, and settings that keep features the same everywhere."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, eq=False)
class Features:
    """What an extractor says of one batch.

    Parameters
    ----------
    features
        (B, D) float32 or float64.
    logits
        (B, K) unnormalised log-probabilities where the extractor classifies, else None.
    """

    features: Tensor
    logits: Tensor | None = None


@runtime_checkable
class FeatureExtractor(Protocol):
    """Maps samples to features; every value measured with it carries its name and hash.

    Attributes
    ----------
    name
        For example "inception-v3-compat/2048".
    dimensions
        D, or 0 where it is known only after the first batch.
    hash
        16 hex digits of the architecture's name and the weights.
    resize
        What is done to the images' size, for example "tf1-bilinear 299x299", or "none".
    takes
        "images": uint8 (B, C, H, W); "vectors": floats (B, ...).
    channels
        Channels that the images must have, None where any will do.
    classifies
        Whether there are logits; None where only the first batch will tell.
    passive
        Whether it may run in a thread beside a training: it draws no random number and touches no setting that
        threads share.
    """

    name: str
    dimensions: int
    hash: str
    resize: str
    takes: Literal["images", "vectors"]
    channels: int | None
    classifies: bool | None
    passive: bool

    def __call__(self, samples: Tensor) -> Features:
        """Features of a batch."""


def usable_device(device: str | torch.device) -> torch.device:
    """The device, if it exists here and works.

    Raises
    ------
    ValueError
        When it does not.

    >>> usable_device("cpu")
    device(type='cpu')
    """
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        count = torch.cuda.device_count()
        gpus = f"{count} CUDA device{'' if count == 1 else 's'} found"
        raise ValueError(f"device {str(device)!r} cannot be used here ({gpus}): {reason}") from error
    return found


def weights_hash(name: str, state: Mapping[str, Any]) -> str:
    """16 hex digits of an architecture's name and its weights, the same on every device and in every process.

    >>> weights_hash("linear", {"weight": torch.zeros(1)}) == weights_hash("linear", {"weight": torch.ones(1)})
    False
    """
    digest = hashlib.sha256(name.encode())
    for key in sorted(state):
        value = state[key]
        digest.update(f"|{key}".encode())
        if isinstance(value, Tensor):
            digest.update(f"|{value.dtype}|{tuple(value.shape)}|".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        else:  # a module's extra state
            digest.update(repr(value).encode())
    return digest.hexdigest()[:16]


@contextmanager
def plain(device: torch.device) -> Iterator[None]:
    """Compute without gradients and without autocast: enough where no product can be rounded to TF32."""
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def exact(device: torch.device, *, unrounded: bool = False) -> Iterator[None]:
    """Compute without gradients, without autocast and in full float32, so that features do not depend on the caller.

    The precision of products is a setting that all threads share, so it is changed only where `is_precise` says no.
    """
    with plain(device):
        if is_precise(device, unrounded=unrounded):
            yield
            return
        with full_precision():
            yield


def is_precise(device: torch.device, *, unrounded: bool = False) -> bool:
    """Whether products of float32 are sure to be computed in full float32.

    On a GPU that is not taken for granted, unless each product is an `unrounded` one, which asks for it itself.
    """
    if device.type == "cuda" and unrounded:
        return True
    try:
        return device.type != "cuda" and torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # it was set per backend, which the one question cannot express
        return False


@contextmanager
def full_precision() -> Iterator[None]:
    """Turn off TF32 and bfloat16 for float32 products and convolutions, and restore what the caller had set.

    torch has up to three interfaces to this one setting, and refuses to read it through one after it was set through
    another. So each is tried in turn; the first that can be read, and that takes effect, is used and restored.
    """
    backends: Any = torch.backends
    product, convolution = backends.cuda.matmul, getattr(backends.cudnn, "conv", None)
    legacy = (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest")
    ways = {
        product: [legacy, _attribute(product, "allow_tf32", False), _attribute(product, "fp32_precision", "ieee")],
        convolution: [
            _attribute(backends.cudnn, "allow_tf32", False),
            _attribute(convolution, "fp32_precision", "ieee"),
        ],
    }
    restored: list[tuple[Callable[[Any], None], Any]] = []
    for place, candidates in ways.items():
        for read, write, wanted in candidates:
            try:
                before = read()
            except (RuntimeError, AttributeError):
                continue
            if before != wanted:
                write(wanted)
            full = getattr(place, "fp32_precision", "ieee") in ("ieee", "none")
            if before != wanted and full:
                restored.append((write, before))
            elif before != wanted:
                write(before)
            if full:
                break
    try:
        yield
    finally:
        for write, before in restored:
            write(before)


def _attribute(place: Any, name: str, value: Any) -> tuple[Callable[[], Any], Callable[[Any], None], Any]:
    return (lambda: getattr(place, name), lambda given: setattr(place, name, given), value)

"""Feature extractors by name or from a module: frozen, deterministic, and identified by a hash of their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from gandiag.quality.extractors.base import FeatureExtractor, usable_device
from gandiag.quality.extractors.pixels import PixelsExtractor

if TYPE_CHECKING:
    from os import PathLike

    import torch

OURS = ("mnist", "digits", "identity", "pixels")
"""Names of extractors that ship with gandiag; the others are torch-fidelity's."""

CLEAN = "inception-v3-clean"
"""torch-fidelity's Inception-v3 behind clean-fid's resizing."""


def extractor(
    spec: str | nn.Module | FeatureExtractor,
    *,
    weights: str | PathLike[str] | None = None,
    checksum: str | None = None,
    device: str | torch.device = "cpu",
    compile: bool = False,  # noqa: A002 - the name of torch.compile
) -> FeatureExtractor:
    """A feature extractor.

    Parameters
    ----------
    spec
        A name of `names()`, for torch-fidelity's with a layer where it has several ("inception-v3-compat/768"); a
        module, see `gandiag.quality.extractors.own.ModuleExtractor`; or an extractor, returned as it is.
    weights
        File of the weights of one of torch-fidelity's extractors; by default torch.hub's cache or a download.
    checksum
        SHA-256 of that file, whole or its first 8 or more hex digits, checked before the file is read.
    device
        Where features are computed.
    compile
        Pass one of torch-fidelity's extractors through `torch.compile`.

    Raises
    ------
    ValueError
        When the name or the device is unknown, the weights are missing, differ from the checksum or do not fit.
    TypeError
        When `spec` is none of these.

    >>> import torch
    >>> points = torch.tensor([[0.5, 1.5]])
    >>> extractor("identity")(points).features
    tensor([[0.5000, 1.5000]], dtype=torch.float64)
    """
    where = usable_device(device)
    if isinstance(spec, str) and (name := spec.split("/")[0]) not in OURS:
        if name not in names():
            raise ValueError(f"extractor {spec!r} is unknown, expected one of {', '.join(names())}")
        from gandiag.quality.extractors import fidelity

        return fidelity.load(spec, weights=weights, checksum=checksum, device=where, compile_=compile)
    if weights is not None or checksum is not None or compile:
        given = repr(spec) if isinstance(spec, str) else type(spec).__name__
        raise ValueError(f"weights, checksum and compile are for torch-fidelity's extractors, found them with {given}")
    if isinstance(spec, str):
        return _ours(spec, where)
    if isinstance(spec, FeatureExtractor):
        return spec
    if isinstance(spec, nn.Module):
        from gandiag.quality.extractors.own import ModuleExtractor

        return ModuleExtractor(spec, device=where)
    raise TypeError(f"extractor must be a name, a torch module or a FeatureExtractor, found {type(spec).__name__}")


def names() -> tuple[str, ...]:
    """Every name that `extractor` knows.

    >>> names()[:5]
    ('mnist', 'digits', 'identity', 'pixels', 'inception-v3-compat')
    """
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    return (*OURS, *FEATURE_EXTRACTORS_REGISTRY, CLEAN)


def _ours(name: str, device: torch.device) -> FeatureExtractor:
    from gandiag.quality.extractors import own

    if name == "mnist":
        return own.MnistExtractor(device)
    if name == "pixels":
        return PixelsExtractor(device)
    return own.DigitsExtractor(device) if name == "digits" else own.IdentityExtractor(device)

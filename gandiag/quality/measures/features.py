"""What every measure asks of the features it is given, told in one sentence where they do not have it."""

from __future__ import annotations

import torch
from torch import Tensor


def checked_features(features: Tensor, name: str = "features", dimensions: int | None = None) -> Tensor:
    """Features as they came, without their graph, once they are known to be (N, D), floating and finite.

    Parameters and errors are those of `shaped_features`; and a ValueError when samples hold a NaN or an infinity: the
    message counts them. A GPU is waited for, once.
    """
    found = shaped_features(features, name, dimensions)
    if is_marked(features, "finite"):
        return found if features.requires_grad else features
    if not bool(torch.isfinite(found.sum())):  # the cheap question: so is a sum of finite numbers that overflows
        refuse_unfinite(int(unfinite_rows(found)), len(found), name)
    return found


def shaped_features(features: Tensor, name: str = "features", dimensions: int | None = None) -> Tensor:
    """Features as they came, without their graph, once they are known to be (N, D) and floating.

    Parameters
    ----------
    features
        (N, D) of any floating dtype.
    name
        What the message calls them.
    dimensions
        D, where it is known.

    Raises
    ------
    TypeError
        When they are no floating tensor.
    ValueError
        When the shape is not (N, D).
    """
    if not isinstance(features, torch.Tensor) or not features.is_floating_point():
        found = getattr(features, "dtype", type(features).__name__)
        raise TypeError(f"{name} must be a tensor of floating numbers, found {found}")
    if features.ndim != 2 or not features.shape[1] or dimensions not in (None, features.shape[1]):
        raise ValueError(f"{name} must have shape (N, {dimensions or 'D'}), found {tuple(features.shape)}")
    return features.detach()


def refuse_unfinite(bad: int, of: int, name: str = "features") -> None:
    """ValueError that counts the rows with a NaN or an infinity, if there are any."""
    if bad:
        raise ValueError(f"{name} must be finite, found NaN or infinity in {bad} of {of} rows")


def unfinite_rows(features: Tensor) -> Tensor:
    """Number of rows with a NaN or an infinity (0-dim.) int64, on the device."""
    return (~torch.isfinite(features).all(dim=1)).sum()


def mark(features: Tensor, fact: str) -> Tensor:
    """The features, of which a fact is remembered until they are changed: "finite", or "distinct" in all rows.

    Asking a GPU again would wait for it each time.
    """
    setattr(features, f"gandiag_{fact}", _version(features))
    return features


def is_marked(features: Tensor, fact: str) -> bool:
    """Whether that is known of the features."""
    return bool(getattr(features, f"gandiag_{fact}", -1) == _version(features))


def _version(features: Tensor) -> int | None:
    return None if features.is_inference() else features._version  # noqa: SLF001 - counts changes in place


def checked_rows(features: Tensor, name: str, least: int = 1) -> Tensor:
    """As `checked_features`, and at least so many rows; ValueError or TypeError in one sentence."""
    found = checked_features(features, name)
    if len(found) < least:
        raise ValueError(f"{name} must have at least {least} rows, found shape {tuple(found.shape)}")
    return found


def checked_pair(generated: Tensor, reference: Tensor, names: tuple[str, str] = ("generated", "reference")) -> None:
    """ValueError when two feature sets differ in their number of dimensions or lie on different devices."""
    if generated.shape[1] != reference.shape[1]:
        sizes = f"{generated.shape[1]} and {reference.shape[1]}"
        raise ValueError(f"{names[0]} and {names[1]} must have the same number of dimensions, found {sizes}")
    if generated.device != reference.device:
        devices = f"{generated.device} and {reference.device}"
        raise ValueError(f"{names[0]} and {names[1]} must lie on the same device, found {devices}")

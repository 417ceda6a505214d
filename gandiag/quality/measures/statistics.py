"""Mean and covariance of features, and the files that keep them: ours and those of other tools."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gandiag.files import Npz, parsed_json
from gandiag.nets.files import MAX_BYTES

MAX_EXPANDED = 2**29  # bytes of a file of statistics once it is read: of 8,000 features

# all that a pickle of NumPy arrays or tensors needs: a file can name nothing else to be called
HARMLESS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch", "FloatStorage"),
    ("torch", "DoubleStorage"),
}


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and covariance of a set of features: all that a Fréchet distance looks at.

    Attributes
    ----------
    mean
        (D,) float64.
    covariance
        (D, D) float64, symmetric, unbiased (divided by n - 1), on the device of `mean`.
    n
        Number of samples; None where a file of another tool does not say.
    protocol
        How the samples were made and read, ready for JSON; None where nothing is known.

    Raises
    ------
    ValueError
        When shapes or dtypes differ from these, when n is below 2, or when the covariance is not finite, not
        symmetric or has a negative variance.
    """

    mean: Tensor
    covariance: Tensor
    n: int | None = None
    protocol: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        d = self.mean.numel()
        for name, value, shape in (("mean", self.mean, (d,)), ("covariance", self.covariance, (d, d))):
            if not d or tuple(value.shape) != shape:
                raise ValueError(f"{name} must have shape {shape if d else '(D,)'}, found {tuple(value.shape)}")
            if value.dtype != torch.float64:
                raise ValueError(f"{name} must be float64, found {value.dtype}")
        facts = [(~value.isfinite()).sum() for value in (self.mean, self.covariance)]
        facts += [self.covariance.abs().max(), (self.covariance - self.covariance.mT).abs().max()]
        facts.append(self.covariance.diagonal().min())
        of_mean, of_covariance, size, gap, least = torch.stack([fact.double() for fact in facts]).tolist()
        for name, bad in (("mean", of_mean), ("covariance", of_covariance)):
            if bad:
                raise ValueError(f"{name} must be finite, found NaN or infinity in {bad:.0f} places")
        if gap > 1e-6 * size:  # what float32 leaves of symmetry
            raise ValueError(f"covariance must be symmetric, found entries that differ by {gap:.3g}")
        if least < 0:
            raise ValueError(f"covariance must have variances from 0, found {least:.3g}")
        if self.n is not None and self.n < 2:
            raise ValueError(f"n must be at least 2 for a covariance, found {self.n}")

    @classmethod
    def of_sound(cls, mean: Tensor, covariance: Tensor, n: int) -> Statistics:
        """Without a look at the values, for which a GPU would be waited for: they are sound by how they were made."""
        found = object.__new__(cls)
        for name, value in (("mean", mean), ("covariance", covariance), ("n", n), ("protocol", None)):
            object.__setattr__(found, name, value)
        return found

    @cached_property
    def trace(self) -> float:
        """The total variance."""
        return float(self.covariance.trace())

    @property
    def largest_rank(self) -> int:
        """The rank that the covariance of n samples can have at most: min(D, n - 1), or D for an unknown n."""
        d = len(self.mean)
        return d if self.n is None else min(d, self.n - 1)

    def to(self, device: torch.device | str) -> Statistics:
        """The same on another device; themselves where they are there."""
        if torch.device(device) == self.mean.device:
            return self
        return Statistics(self.mean.to(device), self.covariance.to(device), self.n, self.protocol)

    def save(self, path: str | Path) -> None:
        """Write an .npz with `mu` and `sigma`, as other tools read them, `n` and `protocol`."""
        extra: dict[str, Any] = {} if self.n is None else {"n": np.int64(self.n)}
        if self.protocol is not None:
            extra["protocol"] = np.array(json.dumps(self.protocol, sort_keys=True))
        with Path(path).open("wb") as file:  # np.savez would append .npz to a name of another ending
            np.savez(file, mu=self.mean.cpu().numpy(), sigma=self.covariance.cpu().numpy(), **extra)

    @classmethod
    def load(cls, path: str | Path) -> Statistics:
        """Read what `save` wrote, or statistics of pytorch-fid, clean-fid or TTUR (.npz) or torch-fidelity (.npz, .pt).

        Raises
        ------
        FileNotFoundError
            Without such a file.
        ValueError
            When it is damaged or of another kind, lacks a key, or its statistics are unsound. The message names it.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path} is no file of statistics")
        try:
            found = _torch_entries(path) if Path(path).suffix in {".pt", ".pth"} else _numpy_entries(path)
        except Exception as error:
            raise ValueError(f"{path} is damaged or no file of statistics: {error}") from error
        lacking = " and no ".join(key for key in ("mu", "sigma") if key not in found)
        if lacking:
            raise ValueError(f"{path} holds no {lacking}, found {', '.join(map(str, found)) or 'nothing'}")
        try:
            return cls(
                mean=torch.as_tensor(found["mu"], dtype=torch.float64),
                covariance=torch.as_tensor(found["sigma"], dtype=torch.float64),
                n=int(found["n"]) if "n" in found else None,
                protocol=parsed_json(str(found["protocol"]).encode()) if "protocol" in found else None,
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{path} holds no sound statistics: {error}") from error


def names_in(path: str | Path) -> frozenset[str]:
    """The names of what a file of statistics or of arrays holds; none where it cannot be read."""
    read = _torch_entries if Path(path).suffix in {".pt", ".pth"} else _numpy_names
    try:
        return frozenset(map(str, read(path)))
    except Exception:  # noqa: BLE001 - unpickling fails in many ways; whoever opens the file says what is wrong
        return frozenset()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in HARMLESS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def _numpy_entries(path: str | Path) -> dict[str, Any]:
    with Path(path).open("rb") as file:
        found = Npz(file, MAX_EXPANDED)
        return {key: found[key] for key in found.names}


def _numpy_names(path: str | Path) -> list[str]:
    with Path(path).open("rb") as file:
        return list(Npz(file, MAX_BYTES).names)


def _torch_entries(path: str | Path) -> dict[Any, Any]:
    reader = SimpleNamespace(__name__="harmless", Unpickler=_Unpickler, load=lambda file, **_: _Unpickler(file).load())
    # torch's own safe reading knows no NumPy arrays, which torch-fidelity stores; this one calls nothing but HARMLESS
    found = torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader)
    if not isinstance(found, dict):
        raise TypeError(f"it holds a {type(found).__name__}, expected a dictionary with mu and sigma")
    return found

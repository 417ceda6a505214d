"""What a loop passes by hand, from numpy, JAX, TensorFlow or torch, as the raw records of a step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.measure.blocks import is_tensor
from gandiag.measure.calls import MAX_OUTPUTS, MAX_POINTS
from gandiag.measure.reductions import MAX_PLAIN, PROJECTED
from gandiag.rundir.snapshots import MAX_SAMPLES
from gandiag.signals.names import NETS
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gandiag.record.recording import Recording

CHUNK = 512  # products this small stay on one thread: waking others costs ten times as much
NUMBERS = "biufV"  # kinds of numpy types; V for the bfloat16 of JAX

ALIASES = {
    **dict.fromkeys(("g_loss", "loss_g", "generator_loss", "loss_generator"), "loss/generator"),
    **dict.fromkeys(("d_loss", "loss_d", "discriminator_loss", "loss_discriminator"), "loss/discriminator"),
}
"""Keyword spellings that `Callback.log` takes for the two losses."""


class Given:
    """Takes the arguments of `Callback.step`, each on its own: what cannot be read becomes a fault, no exception."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._projection = Projection()
        self._takers = {
            "d_real": lambda outputs: self._outputs("real", outputs),
            "d_fake": lambda outputs: self._outputs("fake", outputs),
            "generated": self._generated,
            "real": self._real,
            "grad_norms": self._gradients,
        }

    def take(self, **values: Any) -> None:
        """Record the arguments that were given into the row of the step in progress."""
        for name, value in values.items():
            if value is None:
                continue
            with self._recording.faults.caught(f"step({name}=)", self._recording.completed_steps):
                self._takers[name](value)

    def observe(self, given: Mapping[str, Any], discriminator: str | None) -> None:
        """Record outputs (real, fake) of one D, and samples (real_samples, fake_samples) that it was given."""
        for name, values in given.items():
            with self._recording.faults.caught(f"observe({name}=)", self._recording.completed_steps):
                kind, samples, _ = name.partition("_samples")
                suffix = _suffix(discriminator)
                if not samples:
                    self._recording.observe(f"{suffix}/{kind}", sample_outputs(values))
                    continue
                if self._recording.plan.points or not self._recording.steps_are_seen:
                    self._recording.row[f"points{suffix}/{kind}"] = self._projection(values)
                if kind == "real" and self._recording.wants_real:
                    self._recording.sample_real(_brightness(_copied(values, MAX_SAMPLES)))

    def _outputs(self, kind: str, outputs: Any) -> None:
        self._recording.row[f"d/{kind}"] = sample_outputs(outputs)

    def _points(self, kind: str, batch: Any) -> None:
        self._recording.row[f"points/{kind}"] = self._projection(batch)

    def _real(self, batch: Any) -> None:
        self._points("real", batch)
        if self._recording.wants_real:
            self._recording.sample_real(_brightness(_copied(batch, MAX_SAMPLES)))
        if self._recording.wants_range:
            self._recording.row["range/real"] = value_range(_leading(batch, None))
            self._recording.wants_range = False

    def _generated(self, batch: Any) -> None:
        self._points("fake", batch)
        if self._recording.wants_modes:
            self._recording.record_modes(_copied(batch, None))
        if self._recording.wants_samples:
            self._recording.sample(_brightness(_copied(batch, MAX_SAMPLES)))

    def _gradients(self, norms: Any) -> None:
        if not isinstance(norms, Mapping) or not set(norms) <= set(NETS):
            found = f"the keys {_named(norms)}" if isinstance(norms, Mapping) else type(norms).__name__
            raise ValueError(f"expected a mapping with the keys {' and '.join(NETS)}, found {found}")
        settings = self._recording.settings
        for net, value in norms.items():
            by_layer = dict(_flattened(value)) if isinstance(value, Mapping) else {"": value}
            if not by_layer:
                raise ValueError(f"expected norms for {net}, found an empty mapping")
            layers = settings.layers.get(net, list(by_layer))
            if set(by_layer) != set(layers):
                raise ValueError(f"expected {_form(layers)} for {net} as at first, found {_form(by_layer)}")
            record = _joined([_one(by_layer[name], f"{net} {name}".strip()) for name in layers])
            if net not in settings.layers:  # a new dictionary: the background thread reads the old one
                settings.layers = settings.layers | {net: layers}
            self._recording.row[f"grad/{net}"] = record


def _suffix(discriminator: str | None) -> str:
    """What names a D in raw keys, "" for an only one."""
    if discriminator is None:
        return ""
    if not isinstance(discriminator, str) or not re.fullmatch(r"\w+", discriminator):
        raise ValueError(f"discriminator must be the name that it was attached by, got {discriminator!r}")
    return f".{discriminator}"


class Projection:
    """At most 32 samples of a batch as points: as they are up to 64 values each, else randomly projected to 16."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._matrices: dict[int, np.ndarray] = {}
        self._of_tensors: Any = None

    def __call__(self, batch: Any) -> Any:
        """(B, ...) to (min(B, 32), p) float32, a copy; a tensor on its device for a tensor.

        Raises ValueError when `batch` is no batch of numbers.

        >>> Projection()(np.zeros((50, 8, 8))).shape, Projection()(np.zeros((8, 28, 28, 1))).shape
        ((32, 64), (8, 16))
        """
        points = _leading(batch, MAX_POINTS)
        points = points.reshape(len(points), -1)
        if is_tensor(points):
            return self._project_tensor(points)
        if points.shape[1] <= MAX_PLAIN:
            return points.astype(np.float32)
        plain, matrix = points.astype(np.float32), self._matrix(points.shape[1])
        return sum(plain[:, i : i + CHUNK] @ matrix[i : i + CHUNK] for i in range(0, len(matrix), CHUNK))

    def _matrix(self, size: int) -> np.ndarray:
        if size not in self._matrices:
            drawn = np.random.default_rng(self._seed).standard_normal((size, PROJECTED), dtype=np.float32)
            self._matrices[size] = drawn / np.float32(PROJECTED**0.5)
        return self._matrices[size]

    def _project_tensor(self, points: Any) -> Any:
        if self._of_tensors is None:
            from gandiag.record.batches import TensorProjection

            self._of_tensors = TensorProjection(self._seed)
        return self._of_tensors(points)


def sample_outputs(outputs: Any) -> Any:
    """The first 256 of D's outputs (B, ...), averaged over patches where there are several: (b,), a copy.

    Arrays of any kind come back as float64; tensors stay on their device. Raises ValueError for anything else.

    >>> sample_outputs([[1], [0]]), sample_outputs(np.arange(8.0).reshape(2, 1, 2, 2))
    (array([1., 0.]), array([1.5, 5.5]))
    """
    kept = _leading(outputs, MAX_OUTPUTS)
    if not is_tensor(kept):
        kept = kept.astype(np.float64)
    elif not kept.is_floating_point():
        kept = kept.float()
    return kept.reshape(len(kept), -1).mean(1)


def value_range(batch: Any) -> Any:
    """Smallest and largest value of a batch (B, ...) and the share of its values equal in all samples, (3,) float32.

    >>> value_range(np.array([[0.0, 2.0], [0.0, 1.0]])).tolist()
    [0.0, 2.0, 0.5]
    """
    if is_tensor(batch):
        from gandiag.record import batches

        return batches.value_range(batch)
    values = np.asarray(batch, dtype=np.float32).reshape(len(batch), -1)
    low, high = values.min(axis=0), values.max(axis=0)
    return np.array([low.min(), high.max(), (low == high).mean()], dtype=np.float32)


def _leading(values: Any, count: int | None) -> Any:
    """The first `count` of a batch (B, ...) as an array or a detached tensor, sliced before anything is copied."""
    if getattr(values, "shape", None) != () and hasattr(values, "__getitem__") and not isinstance(values, Mapping):
        values = getattr(values, "iloc", values)[:count]  # a pandas object slices by label
    kept = values.detach() if is_tensor(values) else _array(values)
    if not kept.ndim or 0 in kept.shape:
        raise ValueError(f"expected numbers of shape (B, ...), found shape {tuple(kept.shape)}")
    return kept[:count]


def _array(values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
    except Exception as error:
        raise ValueError(f"expected numbers of shape (B, ...), found {type(values).__name__}: {error}") from error
    if array.dtype.kind not in NUMBERS:
        raise ValueError(f"expected numbers of shape (B, ...), found {type(values).__name__} of {array.dtype}")
    return array


def _copied(batch: Any, count: int | None) -> Any:
    kept = _leading(batch, count)
    return kept.clone() if is_tensor(kept) else np.array(kept)


def _brightness(samples: Any) -> Any:
    """Images of bytes as [0, 1]: a block holds floats."""
    if str(samples.dtype).rpartition(".")[2] != "uint8" or samples.ndim < 3:
        return samples
    return samples.float() / 255 if is_tensor(samples) else samples.astype(np.float32) / 255


def _flattened(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings by dotted name."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _form(layers: Iterable[str]) -> str:
    return "one number" if list(layers) == [""] else f"the layers {_named(layers)}"


def _one(value: Any, name: str) -> Any:
    """One number as an array or tensor of shape (1,), a copy."""
    if is_tensor(value) and value.numel() == 1:
        return value.detach().reshape(1).clone()
    try:
        array = np.asarray(value)
        if array.size == 1 and array.dtype.kind in NUMBERS:
            return array.reshape(1).astype(np.float64)
        found = f"shape {array.shape} of {array.dtype}"
    except Exception as error:  # noqa: BLE001 - anything may be passed; the caller reports it
        found = f"{type(value).__name__}: {error}"
    raise ValueError(f"expected one number for {name}, found {found}")


def _joined(numbers: list[Any]) -> Any:
    if any(map(is_tensor, numbers)):
        import torch

        return torch.cat([n if is_tensor(n) else torch.as_tensor(n) for n in numbers])
    return np.concatenate(numbers)


def _named(names: Iterable[Any]) -> str:
    return listed(map(str, names)) or "(none)"

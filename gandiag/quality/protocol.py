"""A measured value and how it was measured: values are compared only where that agrees."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Better = Literal["lower", "higher", "neither"]


class ProtocolError(ValueError):
    """Two values were to be compared that were measured in different ways."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """All that a value depends on beside the generator.

    Attributes
    ----------
    extractor, extractor_hash
        The feature extractor's name with its layer, and the hash of its weights.
    resize
        How images were brought to the extractor's size: the resizer alone moves FID by up to a half.
    n, reference_n
        Generated and reference samples; None where a file of statistics does not say.
    reference_hash
        Hash of the reference set's content; empty where the metric needs none.
    settings
        What else the metric was told: neighbours, splits, subsets.
    """

    extractor: str
    extractor_hash: str
    resize: str
    n: int
    reference_n: int | None = None
    reference_hash: str = ""
    settings: Mapping[str, float | str] = field(default_factory=dict)

    def differences(self, other: Protocol) -> tuple[str, ...]:
        """Each point in which two protocols differ, as "n 5,000 against 50,000"."""
        return differing(*({one.name: getattr(p, one.name) for one in fields(p)} for p in (self, other)))


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One value of one metric.

    Attributes
    ----------
    name
        The metric, for instance "fid". A Fréchet distance is called FID with Inception's pool features only.
    value
        What was measured.
    better
        The direction of better models.
    low, high
        Ends of a 95 % interval, by the method that `interval` names; None without one.
    perfect
        About what a perfect model would score at this n; None where no formula says.
    details
        More numbers, for instance {"infinity": 3.1}.
    notes
        What a reader must know to trust the value.
    protocol
        How it was measured.
    """

    name: str
    value: float
    better: Better
    protocol: Protocol
    low: float | None = None
    high: float | None = None
    interval: str = ""
    perfect: float | None = None
    details: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The measurement as plain data, ready for JSON."""
        return asdict(self)


def difference(one: Measurement, other: Measurement) -> float:
    """How much larger `one` is than `other`.

    Raises
    ------
    ProtocolError
        When the metrics or their protocols differ; the message names each difference.

    >>> protocol = Protocol(extractor="mnist", extractor_hash="0" * 16, resize="none", n=5000)
    >>> small = Measurement(name="frechet", value=2.0, better="lower", protocol=protocol)
    >>> difference(small, small)
    0.0
    """
    if one.name != other.name:
        raise ProtocolError(f"{one.name} and {other.name} cannot be compared: they are different metrics")
    if found := one.protocol.differences(other.protocol):
        raise ProtocolError(f"two values of {one.name} cannot be compared: {'; '.join(found)}")
    return one.value - other.value


def differing(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, ...]:
    """Each point of `theirs` in which two protocols differ.

    >>> differing({"n": 5000, "resize": "none"}, {"n": 50_000})
    ('n 5,000 against 50,000',)
    """
    return tuple(
        f"{name.replace('_', ' ')} {_shown(mine.get(name))} against {_shown(value)}"
        for name, value in theirs.items()
        if mine.get(name) != value
    )


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else str(value) or "none"

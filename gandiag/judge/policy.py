"""Which detectors judge, with which thresholds, and when to stop: code over policy file over pyproject.toml."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.findings import NotAssessed
from gandiag.judge.policy_files import (
    ENABLED,
    Layer,
    PolicyError,
    Setting,
    catalogue,
    check_codes,
    find_pyproject,
    read_policy_file,
    thresholds,
)
from gandiag.judge.stopping import StopPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from gandiag.detectors import Detector

    PolicyLike: TypeAlias = "str | PathLike[str] | Policy | None"

CODE = "code"  # where a threshold comes from that no file set


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is set of thresholds and of when to stop, and where; `Policy()` sets nothing and reads no file.

    `detectors` holds by code and threshold (or `enabled`) the value and the file that set it. `stop` is None when
    nothing ever asks for a stop; `stop_from` says who set its fields. `files` are those that were read.

    Examples
    --------
    >>> from gandiag.detectors import DETECTORS
    >>> Policy().selection().detectors == DETECTORS
    True
    """

    detectors: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    stop: StopPolicy | None = None
    stop_from: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def selection(self, detectors: Sequence[Detector] | None = None) -> Selection:
        """The detectors to judge with, by default all, with the thresholds in force.

        A threshold that differs from its default was set in code and stays; so does a detector that has one, where
        the policy switches it off. Detectors that are not of `gandiag.detectors.DETECTORS` stay as they are.

        Raises PolicyError when thresholds contradict each other.
        """
        known = catalogue()
        kept: list[Detector] = []
        set_by: dict[str, dict[str, str]] = {}
        off: dict[str, str] = {}
        for detector in known.values() if detectors is None else detectors:
            code = detector.code
            defaults = thresholds(detector)
            in_code = dict.fromkeys((n for n in defaults if getattr(detector, n) != defaults[n]), CODE)
            is_ours = type(detector) is type(known.get(code))
            settings = dict(self.detectors.get(code, {})) if is_ours else {}
            enabled = settings.pop(ENABLED, None)
            if enabled is not None and not enabled.value and not in_code:
                off[code] = enabled.origin
                continue
            settings = {name: setting for name, setting in settings.items() if name not in in_code}
            kept.append(_changed(detector, settings, in_code))
            if origins := in_code | {name: setting.origin for name, setting in settings.items()}:
                set_by[code] = origins
        return Selection(tuple(kept), set_by, off, self)


@dataclass(frozen=True)
class Selection:
    """The detectors in force; by code and threshold who set it, where it is not the default; what is switched off."""

    detectors: tuple[Detector, ...]
    set_by: Mapping[str, Mapping[str, str]]
    off: Mapping[str, str]
    policy: Policy

    def not_assessed(self) -> Iterator[NotAssessed]:
        """An entry for each failure that is not looked for because a file says so."""
        for code, origin in self.off.items():
            how_to = f"remove enabled = false of {code} there, or overrule it in a policy file"
            yield NotAssessed(code=code, reason=f"switched off by {origin}", how_to=how_to)

    def provenance(self) -> dict[str, Any]:
        """What differs from the defaults and where that comes from, as `policy`; empty when nothing does."""
        stop = self.policy.stop
        told: dict[str, Any] = {
            "files": list(self.policy.files),
            "thresholds": {code: dict(origins) for code, origins in self.set_by.items()},
            "switched_off": dict(self.off),
            "stop": {**asdict(stop), "set_by": list(self.policy.stop_from)} if stop else {},
        }
        told = {key: value for key, value in told.items() if value}
        return {"policy": told} if told else {}


def read_policy(policy: PolicyLike = None, stop_on: StopPolicy | None = None) -> Policy:
    """The policy in force, read once: a file over the nearest pyproject.toml, and what code says over both.

    Parameters
    ----------
    policy : a TOML file; or a `Policy`, which is taken as it is: no file is read then
    stop_on : takes the place of what files say of when to stop

    Raises
    ------
    PolicyError
        A ValueError of one sentence that names the file, the key, what was found and what is expected.
    TypeError
        For arguments of another type.
    """
    _check_types(policy, stop_on)
    found = policy if isinstance(policy, Policy) else _from_files(policy)
    return found if stop_on is None else replace(found, stop=stop_on, stop_from=(CODE,))


def check_policy(policy: Policy, detectors: Sequence[Detector] | None) -> None:
    """Raise PolicyError for thresholds of the two that contradict each other, and for unknown codes to stop at."""
    policy.selection(detectors)
    if policy.stop is not None:
        own = (detector.code for detector in detectors or ())
        check_codes(f"stop_on ({', '.join(policy.stop_from)}): codes", policy.stop.codes, {*catalogue(), *own})


def _check_types(policy: Any, stop_on: Any) -> None:
    if stop_on is not None and not isinstance(stop_on, StopPolicy):
        raise TypeError(f"stop_on must be a gandiag.StopPolicy, got {type(stop_on).__name__}")
    if policy is not None and not isinstance(policy, (str, PathLike, Policy)):
        raise TypeError(f"policy must be the path of a TOML file or a gandiag.Policy, got {type(policy).__name__}")


def _from_files(path: str | PathLike[str] | None) -> Policy:
    paths = [find_pyproject(), Path(path) if path is not None else None]
    layers = [read_policy_file(p) for p in paths if p is not None]
    merged: dict[str, dict[str, Setting]] = {}
    for layer in layers:
        for code, settings in layer.detectors.items():
            merged[code] = merged.get(code, {}) | settings
    stop, stop_from = _stop(layers)
    policy = Policy(detectors=merged, stop=stop, stop_from=stop_from, files=tuple(layer.origin for layer in layers))
    policy.selection()  # so that thresholds that contradict each other are refused now
    return policy


def _stop(layers: Sequence[Layer]) -> tuple[StopPolicy | None, tuple[str, ...]]:
    """The stop policy, and the files that say of it."""
    saying = [layer for layer in layers if layer.stop is not None]
    settings = {name: setting.value for layer in saying for name, setting in (layer.stop or {}).items()}
    if not saying or not settings.pop(ENABLED, True):
        return None, ()
    return StopPolicy(**settings), tuple(layer.origin for layer in saying)


def _changed(detector: Detector, settings: Mapping[str, Setting], in_code: Mapping[str, str]) -> Detector:
    """The detector with these thresholds."""
    if not settings:
        return detector
    try:
        changed: Detector = replace(detector, **{name: s.value for name, s in settings.items()})  # type: ignore[type-var]
    except ValueError as error:
        origins = dict.fromkeys([*(s.origin for s in settings.values()), *in_code.values()])
        raise PolicyError(f"{' and '.join(origins)}: detectors.{detector.code}: {error}") from error
    return changed

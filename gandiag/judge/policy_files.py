"""Files in which a user sets thresholds and when to stop: where they are found, and what may stand in them.

A policy file is TOML with the tables `[detectors.CODE]` and `[stop]`; in pyproject.toml they stand under
`[tool.gandiag]`. A table `[check]` is read by `gandiag.gate.policy`. What is unknown or of the wrong type is refused: a
misspelt threshold would never be used.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gandiag.judge.stopping import StopPolicy
from gandiag.wording import one_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gandiag.detectors import Detector

PYPROJECT = "pyproject.toml"
ENABLED = "enabled"
MAX_BYTES = 2**19  # of a policy file
MAX_DOTS = 500  # in one line: what reads TOML takes the square of that time for a key


class PolicyError(ValueError):
    """A policy that cannot be used: one sentence with the file, the key, what was found and what is expected."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class Setting(NamedTuple):
    """A value that was set, and the file that did."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Layer:
    """What one file sets: by code and threshold (or `enabled`), and of when to stop by field (or `enabled`).

    `check` is its table of that name as it stands there, `where` what messages call that.
    """

    origin: str
    detectors: dict[str, dict[str, Setting]] = field(default_factory=dict)
    stop: dict[str, Setting] | None = None
    check: Mapping[str, Any] | None = None
    where: str = ""


def read_policy_file(path: Path) -> Layer:
    """A policy file; of a pyproject.toml the table `[tool.gandiag]`.

    Raises PolicyError.
    """
    prefix = "tool.gandiag." if path.name == PYPROJECT else ""
    content = _parsed(path, _content(path))
    for key in prefix.split(".")[:-1]:
        inner = content.get(key)
        if not isinstance(inner, dict):
            raise PolicyError(f"{path}: has no table [tool.gandiag]")
        content = inner
    refuse_unknown(f"{path}: {prefix}", content, ("detectors", "stop", "check"), "setting")
    at = f"{path}: {prefix}detectors"
    found = {
        code: _detector_settings(f"{at}.{code}", code, settings, str(path))
        for code, settings in table(at, content.get("detectors", {})).items()
    }
    stop = _stop_settings(f"{path}: {prefix}stop", content["stop"], str(path)) if "stop" in content else None
    check = table(f"{path}: {prefix}check", content["check"]) if "check" in content else None
    return Layer(str(path), found, stop, check, f"{path}: {prefix}check")


def find_pyproject() -> Path | None:
    """The nearest pyproject.toml with a table `[tool.gandiag]`, from the current directory upwards.

    Raises PolicyError for one that names gandiag and cannot be parsed.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:  # the directory was removed
        return None
    for folder in (here, *here.parents):
        path = folder / PYPROJECT
        content = _content(path) if path.is_file() else b""
        if b"gandiag" in content:
            tool = _parsed(path, content).get("tool")
            if isinstance(tool, dict) and "gandiag" in tool:
                return path
    return None


def catalogue() -> dict[str, Detector]:
    """All detectors with default thresholds, by code."""
    from gandiag.detectors import DETECTORS

    return {detector.code: detector for detector in DETECTORS}


def thresholds(detector: Any) -> dict[str, Any]:
    """The default of each threshold of a detector, by name."""
    return {f.name: f.default for f in fields(detector) if "source" in f.metadata}


def check_codes(where: str, codes: Iterable[str], known: Iterable[str]) -> None:
    """Raise a PolicyError that starts with `where` for the first code that no detector has."""
    every = tuple(known)
    for code in codes:
        if code not in every:
            raise PolicyError(f"{where}: no failure is called {code!r}{expected(code, every)}")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise PolicyError(f"{path}: is larger than the {MAX_BYTES:,} bytes that are read")
    return content


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    if max((line.count(b".") for line in content.split(b"\n")), default=0) > MAX_DOTS:
        raise PolicyError(f"{path}: has a line with more than {MAX_DOTS} dots, as no key is written")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    except RecursionError:
        raise PolicyError(f"{path}: not valid TOML: nested too deeply") from None
    except ValueError as error:  # also of numbers with thousands of digits
        raise PolicyError(f"{path}: not valid TOML: {error}") from error


def _detector_settings(where: str, code: str, found: Any, origin: str) -> dict[str, Setting]:
    known = catalogue()
    check_codes(where, (code,), known)
    defaults = thresholds(known[code])
    settings = table(where, found)
    refuse_unknown(f"{where}.", settings, (ENABLED, *defaults), f"threshold of {code}")
    return {
        name: Setting(flag(place, value) if name == ENABLED else _number(place, value, defaults[name]), origin)
        for name, value in settings.items()
        if (place := f"{where}.{name}")
    }


def _stop_settings(where: str, found: Any, origin: str) -> dict[str, Setting]:
    settings = dict(table(where, found))
    refuse_unknown(f"{where}.", settings, (ENABLED, *(f.name for f in fields(StopPolicy))), "setting")
    flag(f"{where}.{ENABLED}", settings.get(ENABLED, True))
    try:
        policy = StopPolicy(**{name: value for name, value in settings.items() if name != ENABLED})
    except (TypeError, ValueError) as error:
        raise PolicyError(f"{where}.{error}") from error
    check_codes(f"{where}.codes", policy.codes, catalogue())
    return {name: Setting(value, origin) for name, value in settings.items()}


def table(where: str, found: Any) -> Mapping[str, Any]:
    """A table of settings; PolicyError for anything else."""
    if not isinstance(found, dict):
        raise PolicyError(f"{where}: found {shown(found)}, expected a table")
    return found


def flag(where: str, found: Any) -> bool:
    """True or false; PolicyError for anything else."""
    if not isinstance(found, bool):
        raise PolicyError(f"{where}: found {shown(found)}, expected true or false")
    return found


def _number(where: str, found: Any, default: float) -> float:
    """A threshold of the type of its default; also what is too large for a float is refused."""
    whole = isinstance(default, int)
    if isinstance(found, bool) or not isinstance(found, int if whole else (int, float)) or not abs(found) < 1e300:
        raise PolicyError(f"{where}: found {shown(found)}, expected {'a whole number' if whole else 'a number'}")
    return found if whole else float(found)


def refuse_unknown(where: str, found: Iterable[str], known: tuple[str, ...], kind: str) -> None:
    """Raise a PolicyError for the first name that is not known, with the nearest one that is."""
    for name in found:
        if name not in known:
            raise PolicyError(f"{where}{name} is no {kind}{expected(name, known)}")


def expected(found: str, known: tuple[str, ...]) -> str:
    """The nearest known name, or all of them, as the end of a sentence."""
    close = get_close_matches(found, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; expected one of {', '.join(known)}"


def shown(found: Any) -> str:
    """A value as it stands in a file."""
    try:
        return json.dumps(found, default=str, ensure_ascii=False)
    except (RecursionError, ValueError):  # nested deeply, or a number of thousands of digits
        return f"a {type(found).__name__} that cannot be shown"

"""What fails, warns or is ignored: pyproject.toml, a policy file over it, arguments over both."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.gate.bounds import parsed_bound
from gandiag.gate.names import CODES, LIMITED, RULE_NAMES
from gandiag.gate.settings import Ignored, Level, Settings
from gandiag.judge.policy_files import (
    PolicyError,
    catalogue,
    expected,
    find_pyproject,
    flag,
    read_policy_file,
    refuse_unknown,
    shown,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from gandiag.judge.policy_files import Layer

KEYS = ("fail", "warn", "ignore", "require", "bounds", "limits", "tolerance", "false_alarms", "least_samples",
        "require_closed")  # fmt: skip
DEFAULTS = "default"


def read_settings(policy: str | PathLike[str] | None = None, **given: Any) -> Settings:
    """The settings in force.

    Parameters
    ----------
    policy
        A TOML file, over the nearest pyproject.toml.
    **given
        Fields of `Settings` that arguments set; None stands for not given.

    Raises
    ------
    PolicyError
        A ValueError of one sentence with the file, the key, what was found and what is expected.
    """
    paths = [find_pyproject(), Path(policy) if policy is not None else None]
    layers = [layer for layer in (read_policy_file(p) for p in paths if p is not None) if layer.check is not None]
    settings = Settings(files=tuple(layer.origin for layer in layers))
    for layer in layers:
        settings = _layered(settings, layer)
    told = {name: value for name, value in given.items() if value is not None}
    bounds = (*settings.bounds, *told.pop("bounds", ()))
    settings = replace(settings, bounds=bounds, **told, set_by={**settings.set_by, **dict.fromkeys(told, "argument")})
    if not 0 < settings.false_alarms < 1:
        raise PolicyError(f"false_alarms must lie between 0 and 1, found {settings.false_alarms}")
    return settings


def _layered(settings: Settings, layer: Layer) -> Settings:
    where, content = layer.where, layer.check or {}
    refuse_unknown(f"{where}.", content, KEYS, "setting")
    changed: dict[str, Any] = {}
    levels: dict[str, Level] = dict(settings.levels)
    for key, level in (("fail", "fail"), ("warn", "warn")):
        levels |= dict.fromkeys(_names(f"{where}.{key}", content.get(key, [])), level)  # type: ignore[arg-type]
    changed["levels"] = levels
    if "ignore" in content:
        changed["ignored"] = (*settings.ignored, *_ignored(f"{where}.ignore", content["ignore"]))
    if "require" in content:
        changed["required"] = (*settings.required, *_names(f"{where}.require", content["require"]))
    if "bounds" in content:
        told = _listed(f"{where}.bounds", content["bounds"])
        changed["bounds"] = (*settings.bounds, *(_bound(f"{where}.bounds", text) for text in told))
    if "limits" in content:
        changed["limits"] = {**settings.limits, **_limits(f"{where}.limits", content["limits"])}
    for key in ("tolerance", "false_alarms"):
        if key in content:
            changed[key] = _number(f"{where}.{key}", content[key], most=1.0)
    if "least_samples" in content:
        changed["least_samples"] = int(_number(f"{where}.least_samples", content["least_samples"], whole=True))
    if "require_closed" in content:
        changed["require_closed"] = flag(f"{where}.require_closed", content["require_closed"])
    return replace(settings, **changed, set_by={**settings.set_by, **dict.fromkeys(content, layer.origin)})


def _names(where: str, found: Any) -> list[str]:
    """Rules or failure codes."""
    names = _listed(where, found)
    known = (*RULE_NAMES, *CODES, *catalogue())
    for name in names:
        if name not in known and not _is_bound(name):
            raise PolicyError(f"{where}: no rule and no failure is called {name!r}{expected(name, known)}")
    return names


def _is_bound(name: str) -> bool:
    try:
        parsed_bound(name)
    except ValueError:
        return name.startswith("baseline ")
    return True


def _listed(where: str, found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise PolicyError(f"{where}: found {shown(found)}, expected a list of texts")
    return list(found)


def _ignored(where: str, found: Any) -> list[Ignored]:
    if not isinstance(found, list):
        raise PolicyError(f"{where}: found {shown(found)}, expected a list of tables with rule and reason")
    ignored = []
    for entry in found:
        content = table(where, entry)
        refuse_unknown(f"{where}.", content, ("rule", "reason", "until"), "setting")
        for key in ("rule", "reason"):
            if not isinstance(content.get(key), str) or not content[key].strip():
                raise PolicyError(f"{where}: each entry needs a {key}: found {shown(dict(content))}")
        _names(f"{where}.rule", [content["rule"]])
        ignored.append(Ignored(rule=content["rule"], reason=content["reason"], until=_day(where, content)))
    return ignored


def _day(where: str, content: Mapping[str, Any]) -> date | None:
    until = content.get("until")
    if isinstance(until, datetime):
        return until.date()
    if until is None or isinstance(until, date):
        return until
    try:
        return date.fromisoformat(until)
    except (TypeError, ValueError) as error:
        raise PolicyError(f"{where}.until: found {shown(until)}, expected a day as 2027-03-31") from error


def _bound(where: str, text: str) -> Any:
    try:
        return parsed_bound(text, where)
    except ValueError as error:
        raise PolicyError(str(error)) from error


def _limits(where: str, found: Any) -> dict[str, float]:
    content = table(where, found)
    refuse_unknown(f"{where}.", content, LIMITED, "rule with a limit")
    return {name: _number(f"{where}.{name}", value) for name, value in content.items()}


def _number(where: str, found: Any, *, most: float = 1e12, whole: bool = False) -> float:
    kinds = int if whole else (int, float)
    if isinstance(found, bool) or not isinstance(found, kinds) or not 0 <= found <= most:
        raise PolicyError(f"{where}: found {shown(found)}, expected a {'whole ' if whole else ''}number up to {most:g}")
    return found


def settings_shown(settings: Settings) -> dict[str, Any]:
    """What is in force and who set it, as plain data."""
    from gandiag.gate.rules import RULES

    rules = {
        rule.name: {
            "code": rule.code,
            "says": rule.says,
            "level": settings.levels.get(rule.name, settings.levels.get(rule.code, rule.level)),
            "limit": settings.limits.get(rule.name),
        }
        for rule in RULES
    }
    return {
        "rules": rules,
        "levels": dict(settings.levels),
        "ignore": [{"rule": i.rule, "reason": i.reason, "until": str(i.until or ""), "expired": i.expired()}
                   for i in settings.ignored],
        "require": list(settings.required),
        "bounds": [str(bound) for bound in settings.bounds],
        "limits": dict(settings.limits),
        "tolerance": settings.tolerance,
        "false_alarms": settings.false_alarms,
        "least_samples": settings.least_samples,
        "require_closed": settings.require_closed,
        "files": list(settings.files),
        "set_by": dict(settings.set_by),
    }  # fmt: skip

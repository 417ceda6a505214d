"""The diagnosis that a training left behind, where it says as much as judging again would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag import __version__
from gandiag.files import UnreadableError, parsed_json
from gandiag.findings import Diagnosis
from gandiag.rundir.folder import MAX_META, Folder
from gandiag.rundir.run import Run

if TYPE_CHECKING:
    from collections.abc import Container
    from os import PathLike

    from gandiag.judge.policy import Policy

FILE = "diagnosis.json"


def kept(path: str | PathLike[str], policy: Policy, signals: Container[str]) -> tuple[Run, Diagnosis] | None:
    """A run with these signals, and the diagnosis that its training wrote when it was closed; or None.

    It is taken where this version of gandiag made it, of every step and by one process, under the thresholds in force,
    of a run that was closed and of which no file is damaged. While a training goes on its older rows are thinned beyond
    20,000: failures of long runs may be dated some steps otherwise than by `gandiag diagnose`. Raises RunError as
    `Run.open` does.
    """
    folder = Folder(path)
    try:
        content = folder.read_bytes(FILE, most=MAX_META)
        diagnosis = Diagnosis.from_dict(parsed_json(content))
    except (FileNotFoundError, UnreadableError, ValueError):
        return None
    made_by, under = diagnosis.provenance.get("gandiag"), diagnosis.provenance.get("policy", {})
    if made_by != __version__ or under != policy.selection().provenance().get("policy", {}):
        return None
    run = Run.open(path, signals=signals)
    whole = run.meta.get("status") == "closed" and run.last_step == diagnosis.last_step and "ranks" not in run.meta
    return (run, diagnosis) if whole and not run.damage else None

"""What every detector is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run


@runtime_checkable
class Detector(Protocol):
    """Judges one failure. A frozen dataclass whose fields are its thresholds; pure and causal.

    `needs` names the signals it reads; "a|b" means that one of them is enough, and a name of the signal table with
    placeholders ("diversity/class/<class>") any signal that it describes. `how_to` says how to get them.
    `not_for` names the loss families to which the rule does not apply, each with the reason. Each threshold is made by
    `specification.threshold`, which keeps where its default comes from.
    """

    code: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    how_to: ClassVar[str]
    not_for: ClassVar[Mapping[str, str]]

    @property
    def min_run_steps(self) -> int:
        """Steps below which the failure cannot be told."""
        ...

    def score(self, run: Run) -> pd.Series:
        """How bad it was at each step, from what was recorded up to that step."""
        ...

    def __call__(self, run: Run) -> list[Finding]:
        """One finding per spell."""
        ...

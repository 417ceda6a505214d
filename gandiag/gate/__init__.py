"""The gate: a build fails when a checkpoint has collapsed.

`check` judges run directories, samples and checkpoints against what there is to judge by, each rule at a stated
confidence, and says what passed, what failed and what could not be decided. `gandiag check` prints what it finds.
"""

from __future__ import annotations

from gandiag.gate.check import check
from gandiag.gate.results import CheckResult, RuleResult, TargetResult
from gandiag.gate.settings import Ignored, Settings

__all__ = ["CheckResult", "Ignored", "RuleResult", "Settings", "TargetResult", "check"]

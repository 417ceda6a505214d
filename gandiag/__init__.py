"""gandiag tells what is going wrong in a GAN training run, while it trains and afterwards.

>>> import gandiag
>>> callback = gandiag.attach(generator, discriminator, run_dir="runs/dcgan")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gandiag.findings import Diagnosis as Diagnosis
    from gandiag.findings import Finding as Finding
    from gandiag.gate.check import check as check
    from gandiag.judge.diagnose import diagnose as diagnose
    from gandiag.judge.policy import Policy as Policy
    from gandiag.judge.stopping import StopPolicy as StopPolicy
    from gandiag.probes.attach import attach as attach
    from gandiag.probes.watching import watch_modules as watch_modules
    from gandiag.quality.schedule import Quality as Quality
    from gandiag.record.callback import Callback as Callback
    from gandiag.rundir.run import Run as Run
    from gandiag.rundir.run import RunError as RunError

__version__ = "0.1.0"

_HOMES = {
    "attach": "gandiag.probes.attach",
    "Callback": "gandiag.record.callback",
    "check": "gandiag.gate.check",
    "diagnose": "gandiag.judge.diagnose",
    "Diagnosis": "gandiag.findings",
    "Finding": "gandiag.findings",
    "Policy": "gandiag.judge.policy",
    "Quality": "gandiag.quality.schedule",
    "Run": "gandiag.rundir.run",
    "RunError": "gandiag.rundir.run",
    "StopPolicy": "gandiag.judge.stopping",
    "watch_modules": "gandiag.probes.watching",
}
_SUBMODULES = (
    "compare",
    "detectors",
    "dynamics",
    "gate",
    "logs",
    "modes",
    "quality",
    "reports",
    "synthetic",
    "testing",
)
__all__ = [
    "Callback",
    "Diagnosis",
    "Finding",
    "Policy",
    "Quality",
    "Run",
    "RunError",
    "StopPolicy",
    "__version__",
    "attach",
    "check",
    "diagnose",
    "watch_modules",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import gandiag` stays instant."""
    if name in _SUBMODULES:
        return import_module(f"gandiag.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'gandiag' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted({*__all__, *_SUBMODULES})

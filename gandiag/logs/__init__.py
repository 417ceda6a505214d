"""Runs that were trained without gandiag: from their logs to a run directory, and from one to formats of others.

>>> from gandiag import logs
>>> logs.import_run("tb_logs/", "runs/theirs")  # doctest: +SKIP
"""

from __future__ import annotations

from gandiag.logs.columns import Options as Options
from gandiag.logs.importing import Imported as Imported
from gandiag.logs.importing import import_run as import_run
from gandiag.logs.recognise import recognise as recognise
from gandiag.logs.series import Log as Log
from gandiag.logs.series import LogError as LogError
from gandiag.logs.sources import read as read

__all__ = ["Imported", "Log", "LogError", "Options", "import_run", "read", "recognise"]

"""How often gandiag's alarms are right, measured on runs whose failures are known.

A corpus (`python -m benchmarks.corpus`) holds runs with labels that were written before any detector saw them. Its
manifest says which runs thresholds may be tuned on ("tuning"), which are kept for the score ("evaluation"), and which
come from data sets that were never tuned on ("unseen"). A run is "healthy", "failing", or "partial", in between.
"""

from __future__ import annotations

from benchmarks.bench.bench import run_bench
from benchmarks.bench.markdown import summary_table, to_markdown
from benchmarks.bench.results import HELD_OUT, Bench
from benchmarks.bench.terminal import print_bench

__all__ = ["HELD_OUT", "Bench", "print_bench", "run_bench", "summary_table", "to_markdown"]

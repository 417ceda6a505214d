"""Runs whose failures are known: which are trained, how they are labelled, and the loop that makes them."""

from __future__ import annotations

from benchmarks.corpus.failing import FAILING
from benchmarks.corpus.healthy import HEALTHY

CONFIGURATIONS = (*HEALTHY, *FAILING)

"""Runs whose failures are known: which are trained, how they are labelled, and the loop that makes them."""

from __future__ import annotations

from gandiag.zoo.corpus.failing import FAILING
from gandiag.zoo.corpus.healthy import HEALTHY

CONFIGURATIONS = (*HEALTHY, *FAILING)

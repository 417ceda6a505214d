"""Names of the rules, which a policy is checked against without importing what they are made of."""

from __future__ import annotations

RULE_NAMES = (
    "finite-values", "constant-output", "value-range", "latents", "lost-modes", "mode-shares", "tight-modes",
    "pairwise-distance", "nearest-distance", "lost-parts", "cell-shares", "coverage", "duplicates", "tight-classes",
    "ignored-classes",
)  # fmt: skip
CODES = ("non-finite", "sample-collapse", "value-range", "mode-collapse", "class-collapse", "quality-regression",
         "quality-bound")  # fmt: skip
LIMITED = ("value-range", "latents", "tight-modes", "pairwise-distance", "nearest-distance", "lost-parts",
           "cell-shares", "coverage", "duplicates")  # fmt: skip

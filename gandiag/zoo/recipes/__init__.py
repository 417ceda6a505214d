"""Every recipe of the zoo, in one tuple."""

from __future__ import annotations

from gandiag.zoo.recipes.analytic import ANALYTIC
from gandiag.zoo.recipes.architectures import ARCHITECTURES
from gandiag.zoo.recipes.digits import DIGITS
from gandiag.zoo.recipes.points import POINTS

RECIPES = (*POINTS, *ANALYTIC, *DIGITS, *ARCHITECTURES)

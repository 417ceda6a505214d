"""Many runs beside each other: a row of each, their curves and samples, and which settings the failing ones share.

`compare` reads and judges run directories; `look` does so with one, for whoever spreads thousands over a cluster, and
`Comparison` puts rows together wherever they come from.

>>> found = gandiag.compare.compare(["runs/*"])  # doctest: +SKIP
>>> found.table()  # doctest: +SKIP
"""

from gandiag.compare.comparison import Comparison, compare
from gandiag.compare.paths import find_runs
from gandiag.compare.rows import Row, look

__all__ = ["Comparison", "Row", "compare", "find_runs", "look"]

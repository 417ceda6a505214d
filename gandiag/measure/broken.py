"""Where values stop being finite within the updates of one D and of G: in samples, in D's outputs, or in a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.calls import ASKED, SEEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gandiag.measure.calls import Calls

HEAD = "nonfinite"


def broken(calls: Sequence[Calls], k: int) -> dict[str, np.ndarray]:
    """`<net>/samples`, `<net>/outputs`, `<net>/loss` (k,) of the updates of D and of G; nothing where all is finite.

    1 where what G made, where D's outputs on finite samples, or where the gradient of the loss by finite outputs of D
    holds NaN or infinity in the update of <net>. Whether samples do is read from their points, where there are some;
    else outputs tell that are not finite on generated samples alone.
    """
    seen = [c for c in calls if c.role == SEEN and c.origin != "watched"]
    asked = [c for c in calls if c.role == ASKED]
    made = _samples(seen, k) | (
        _outputs([c for c in seen if c.generated], k)
        & ~_outputs([c for c in seen if not c.generated], k)
        & any(not c.generated for c in seen)
    )
    found = {}
    for net, of, samples in (
        ("discriminator", seen, made),
        ("generator", asked, _samples(asked, k) | (made & _outputs(asked, k))),
    ):
        found[f"{net}/samples"] = samples
        found[f"{net}/outputs"] = _outputs(of, k) & ~samples
        found[f"{net}/loss"] = _losses(of, k)
    return {name: rows.astype(float) for name, rows in found.items()} if np.any(list(found.values())) else {}


def _samples(calls: Sequence[Calls], k: int) -> np.ndarray:
    return _any((~_finite(c.views["points"]) for c in calls if c.generated and "points" in c.views), k)


def _outputs(calls: Sequence[Calls], k: int) -> np.ndarray:
    return _any((~_finite(a.outputs) for c in calls for a in c.answers.values()), k)


def _losses(calls: Sequence[Calls], k: int) -> np.ndarray:
    return _any((_finite(a.outputs) & ~_finite(a.pull) for c in calls for a in c.answers.values()), k)


def _finite(values: np.ndarray) -> np.ndarray:
    """Whether all values of each row are, (k,)."""
    whole: np.ndarray = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    return whole


def _any(flags: Iterable[np.ndarray], k: int) -> np.ndarray:
    found = np.zeros(k, dtype=bool)
    for each in flags:
        found |= each
    return found

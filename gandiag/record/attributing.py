"""What D was given, told in the background: blocks of raw rows, what run.json says of it, and what the user is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.measure.attribution import Attribution
from gandiag.measure.calls import ASKED, read
from gandiag.measure.pooling import POOLED_STEPS, Pool
from gandiag.record.notices import NO_DIRECTION, OPEN, PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.calls import Raw
    from gandiag.record.faults import Faults
    from gandiag.record.settings import Settings

PENALTIES = "penalties"
SENTENCES = {"open": OPEN, "direction": NO_DIRECTION}


class Attributor:
    """Tells apart what D was given in each block of rows."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self._settings, self._faults = settings, faults
        self._attribution = Attribution()
        self._pool = Pool()
        self._asked: dict[str, float] = {"rows": 0, "real": 0, "generated": 0}
        self._penalties: dict[str, float] = {}
        self._told: set[tuple[str, str]] = set()

    def known(self, arrays: Sequence[tuple[list[int], Raw]], step: int) -> Sequence[tuple[list[int], Raw]]:
        """The rows of a block that ends with `step`, in groups, with D's outputs and samples by kind."""
        self._attribution.upright = self._settings.upright
        kept = [(rows, {k: v for k, v in raw.items() if not k.startswith(PENALTIES)}) for rows, raw in arrays]
        for rows, raw in arrays:
            self._count(raw, len(rows))
        groups = [(rows, self._weighed(raw)) for rows, raw in self._attribution.resolve(kept)]
        self._tell(step, [raw for _, raw in kept])
        return self._pool.add(groups)

    def sign(self) -> float:
        """Which way is up for the first D: -1 where a low output means real."""
        return next((self._attribution.sign(own) or 1.0 for own in self._attribution.games), 1.0)

    def summary(self) -> dict[str, Any]:
        """Calls of D per update, as shown in the report, and which D has been turned round."""
        rows: dict[str, Any] = {}
        for own, game in self._attribution.games.items():
            if not (steps := float(game.counts["rows"])):
                continue
            found = [f"{game.counts[k] / steps:.3g} {k}" for k in ("real", "generated")]
            found.append(f"{self._penalties.get(own, 0.0) / steps:.3g} penalty")
            if game.counts["open"]:
                found.append(f"{game.counts['open'] / steps:.3g} not told apart")
            rows[f"per discriminator{own} step, D saw"] = ", ".join(found)
        if steps := self._asked["rows"]:
            found = [f"{self._asked[k] / steps:.3g} {k}" for k in ("real", "generated")]
            rows["per generator step, D saw"] = ", ".join([*found, "0 penalty"])
        for own in self._attribution.games:
            if self._attribution.sign(own) < 0:
                rows[f"discriminator{own}"] = (
                    "a low output means real: its outputs change their signs before they are used"
                )
        for own in self._pool.used:
            rows[f"P(D{own}(real) > D{own}(generated))"] = (
                f"over the last {POOLED_STEPS} recorded steps, as D gives one output for each batch"
            )
        return rows

    def _count(self, raw: Raw, k: int) -> None:
        calls = read(raw)
        asked = [call for call in calls if call.role == ASKED]
        if asked:
            self._asked["rows"] += k
            generated = sum(call.origin in ("direct", "derived", "mixed") for call in asked)
            self._asked["generated"] += k * generated
            self._asked["real"] += k * (len(asked) - generated)
        for key, values in raw.items():
            if key.startswith(PENALTIES):
                own = key.removeprefix(PENALTIES)
                self._penalties[own] = self._penalties.get(own, 0.0) + float(values.sum())

    def _weighed(self, raw: Raw) -> Raw:
        """With the numbers of samples behind D's outputs, where several processes train."""
        if not self._settings.weighed:
            return raw
        sizes = {
            f"scalar/samples/{kind}": np.full(len(raw[key]), float(raw[key].shape[1]))
            for kind in ("real", "fake")
            if (key := f"d/{kind}") in raw
        }
        return {**raw, **sizes}

    def _tell(self, step: int, known: Sequence[Raw]) -> None:
        """Say of each D, once, what cannot be told of its calls, where its outputs were not passed in every row."""
        for own, what in self._attribution.told().items():
            observed = all(any(key.startswith(f"d{own}/") for key in raw) for raw in known)
            if observed or (own, what) in self._told:
                continue
            self._told.add((own, what))
            told = SENTENCES[what].format(steps=PATIENCE)
            if own:
                call = f'callback.observe(discriminator="{own[1:]}", '
                told = f"discriminator {own[1:]}: {told.replace('callback.observe(', call)}"
            self._faults.add("attribution", told, step)

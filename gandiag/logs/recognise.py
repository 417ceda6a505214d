"""From the names of a whole log to signals: each name beside its siblings, and beside its values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gandiag.logs import values, words
from gandiag.logs.mapping import NONE, Recognised, Row, asked
from gandiag.logs.names import readings
from gandiag.logs.reading import Reading
from gandiag.logs.series import LogError
from gandiag.logs.siblings import beside
from gandiag.signals import SIGNALS, describe
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.logs.series import Log

PARTS_OF_G = frozenset(
    {"g_gan", "gan", "g_l1", "nce", "cycle_a", "cycle_b", "gan_feat", "g_gan_feat", "vgg", "g_vgg", "kld"}
)
ORDER = {signal.name: place for place, signal in enumerate(SIGNALS)}


def recognise(log: Log, given: Mapping[str, str] | None = None, *, accept: bool = False) -> Recognised:
    """What each name of a log stands for.

    Parameters
    ----------
    log : what was read
    given : signals by the log's names, "none" for no signal: these count whatever is read otherwise
    accept : take the likeliest meaning where there are several

    Raises LogError for names that the log does not have, or signals that gandiag does not know.
    """
    given = _checked(log, given or {})
    rows = [_given(name, given[name]) if name in given else _first_look(log, name) for name in log.series]
    rows = beside(log, rows)
    rows = _sides(log, rows)
    rows = _one_each(log, rows)
    if accept:
        rows = _one_each(log, [_accepted(row) for row in rows])
    found = Recognised(rows)
    _direction(log, found)
    _loss_family(log, found)
    return found


def _checked(log: Log, given: Mapping[str, str]) -> dict[str, str]:
    for theirs, ours in given.items():
        if theirs not in log.series:
            raise LogError(f"--map {theirs}={ours}: the log has no {theirs!r}; it has {listed(log.series, 20)}")
        if ours != NONE and describe(ours).meaning == "logged by the loop" and not ours.startswith("loss/"):
            raise LogError(
                f"--map {theirs}={ours}: gandiag has no signal {ours!r}; it has {listed(list(ORDER)[:12], 12)} and "
                "more (gandiag detectors lists what is read), or none"
            )
    return dict(given)


def _given(name: str, signal: str) -> Row:
    if signal == NONE:
        return Row(name, Reading("other", why="as you said"), why="as you said", given=True)
    side = next((s for s in ("real", "fake") if f"/{s}/" in signal), "")
    return Row(name, Reading("signal", signal, why="as you said", side=side, rank=-9), why="as you said", given=True)


def _first_look(log: Log, name: str) -> Row:
    if name in log.told:
        signal, why = log.told[name]
        kind = "signal" if signal else "other"
        transform = "root" if signal == "penalty/norm" else ""  # a squared norm
        return Row(name, Reading(kind, signal, why=why, rank=-5, transform=transform), why=why)  # type: ignore[arg-type]
    found = readings(name)
    if not found:
        return Row(name, None)
    if len(found) == 1 and found[0].sure:
        return Row(name, found[0], why=found[0].why)
    return asked(name, found)


def _accepted(row: Row) -> Row:
    if row.sure or not row.others:
        return row
    return Row(row.name, replace(row.others[0], sure=True), why=f"{row.why} (accepted)")


def _sides(log: Log, rows: list[Row]) -> list[Row]:
    """Pairs such as D_real and D_fake: sides of D's loss, or D's outputs."""
    open_ = {row.name: row for row in rows if not row.sure and any(r.side for r in row.others)}
    total = next((row.name for row in rows if row.signal == "loss/discriminator"), None)
    last = {"_".join(words.words(name.split("/")[-1])) for name in log.series}
    changed: dict[str, Row] = {}
    for real, row in open_.items():
        if row.others[0].side != "real" or len(row.choices) < 2:
            continue
        fake = next((n for n, r in open_.items() if r.others[0].side == "fake" and _twins(real, n)), None)
        if fake is None:
            continue
        if {"d_margin", "margin"} & last:
            voice = values.Voice("outputs", "their margin is logged beside them")
        elif PARTS_OF_G & last:
            beside = min(PARTS_OF_G & last)
            voice = values.Voice("losses", f"{beside.upper()} beside them: losses, as in pix2pix and CycleGAN")
        else:
            voice = values.sides(log, real, fake, total)
        for name in (real, fake):
            changed[name] = _spoken(open_[name], voice)
        if voice.says == "inverted":
            log.facts["inverted"] = voice.why
    return [changed.get(row.name, row) for row in rows]


def _twins(real: str, fake: str) -> bool:
    """Whether two names differ in nothing but the side."""
    sides = words.REAL, words.FAKE | {"gen"}
    both = [[w for part in name.split("/") for w in words.words(part)] for name in (real, fake)]
    plain = [["side" if w in side else w for w in parts] for side, parts in zip(sides, both, strict=True)]
    return plain[0] == plain[1]


def _spoken(row: Row, voice: values.Voice) -> Row:
    if not voice.says:
        return replace(row, why=f"{row.why}{'; ' if voice.why else ''}{voice.why}")
    wanted = "one side of D's loss" if voice.says == "losses" else "signal"
    reading = next((r for r in row.others if r.kind == wanted), None)
    return row if reading is None else Row(row.name, replace(reading, sure=True, why=voice.why), why=voice.why)


def _one_each(log: Log, rows: list[Row]) -> list[Row]:
    """Of several names of one signal the best; where none is, they are asked for."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.signal:
            groups.setdefault(row.signal, []).append(row)
    changed: dict[str, Row] = {}
    for found in (g for g in groups.values() if len(g) > 1):
        for row, new in zip(found, _chosen(log, found), strict=True):
            changed[row.name] = new
    return [changed.get(row.name, row) for row in rows]


def _chosen(log: Log, rows: list[Row]) -> list[Row]:
    ranks = [(r.reading.rank if r.reading else 0, _cadence(r.name), r.name.count("/")) for r in rows]
    best = min(range(len(rows)), key=lambda i: (ranks[i], len(rows[i].name)))
    ties = [i for i in range(len(rows)) if ranks[i][:2] == ranks[best][:2] and not rows[i].given]
    ties = [i for i in ties if i == best or not _same(log, rows[i].name, rows[best].name)]
    if len(ties) > 1 and not rows[best].given:
        why = f"{listed(rows[i].name for i in ties)} have one meaning and different values"
        return [
            asked(r.name, [replace(r.reading, sure=False, why=why), Reading("other", sure=False)])
            if i in ties and r.reading
            else _other(r, rows[best])
            for i, r in enumerate(rows)
        ]
    return [r if i == best else _other(r, rows[best]) for i, r in enumerate(rows)]


def _other(row: Row, best: Row) -> Row:
    why = f"another series of what {best.name} is"
    return Row(row.name, Reading("other", why=why), why=why)


def _cadence(name: str) -> int:
    """Single steps before the means of epochs."""
    last = words.words(name.rsplit("/", maxsplit=1)[-1])
    return 1 if last and last[-1] in words.AT_EPOCH else 0


def _same(log: Log, name: str, other: str) -> bool:
    both = values.common(log, name, other)
    return len(both[0]) > 0 and bool(np.allclose(both[0], both[1], rtol=1e-3, atol=1e-6))


def _direction(log: Log, found: Recognised) -> None:
    """Whether D's outputs are probabilities, and whether D is low for real."""
    real, fake = found.name_of("d/real/mean"), found.name_of("d/fake/mean")
    if log.facts.get("exported"):  # they are the right way up, and run.json goes along
        return
    if real is None or fake is None:
        return
    within = values.probabilities(log, real, fake)
    if within is not None:
        found.outputs = "probabilities" if within else "logits"
    if "inverted" in log.facts:
        found.inverted, found.inverted_why = True, str(log.facts["inverted"])
        return
    voice = values.upside_down(log, real, fake, found.name_of("loss/discriminator"))
    if voice.says == "inverted":
        found.inverted, found.inverted_why = True, voice.why
    elif voice.says == "doubt":
        found.doubt = voice.why


def _loss_family(log: Log, found: Recognised) -> None:
    told = {row.reading.family for row in found.rows if row.reading is not None and row.reading.family}
    if "family" in log.facts:
        found.family, found.family_why = str(log.facts["family"]), "the code base that wrote the log"
    elif len(told) == 1:
        found.family, found.family_why = next(iter(told)), "the names of its losses"
    else:
        losses = {row.signal: row.name for row in found.mapped if row.signal.startswith("loss/")}
        found.family, found.family_why = values.family(log, losses)
    if found.family == "wgan" and any(row.reading and row.reading.kind == "penalty" for row in found.rows):
        found.family = "wgan-gp"

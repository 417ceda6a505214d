"""A name beside the other names of its log: what is said by it depends on who stands there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gandiag.logs import words
from gandiag.logs.mapping import Row, asked
from gandiag.logs.reading import ROLES, Kind, Reading

if TYPE_CHECKING:
    from gandiag.logs.series import Log

PLAIN = frozenset({"gen", "generator", "disc", "discr", "discrim", "discriminator", "netg", "netd", "gan"})
"""Words that say enough by themselves; one letter, or `critic`, does not."""
PARTNERS = {"a": "b", "b": "a", "x": "y", "y": "x"}
"""Domains come in pairs."""
CYCLIC = frozenset({"cycle", "cyc", "idt", "cyclegan"})
CLASSIFYING = frozenset({"f1", "auroc", "roc", "auc", "accuracy", "acc"})


def beside(log: Log, rows: list[Row]) -> list[Row]:
    """Each name again, with what stands beside it."""
    named = {"_".join(w for part in name.split("/") for w in words.words(part)): name for name in log.series}
    last = {"_".join(words.words(name.split("/")[-1])) for name in log.series}
    every = {word for name in log.series for part in name.split("/") for word in words.words(part)}
    signals = {r.signal for row in rows for r in ((row.reading,) if row.reading else row.others)}
    kair = {"g_loss", "f_loss", "d_loss", "d_real", "d_fake"} <= last
    context = _Context(
        last=last | set(named),
        words=every,
        signals=signals,
        learns_by_reward=bool(every & words.REINFORCEMENT) and not every & words.GENERATOR,
        kair=kair,
        bare={r.reading.role for r in rows if r.reading is not None and r.reading.why.startswith("its name is")},
        has_gap=any(row.reading is not None and row.reading.kind == "gap of D's outputs" for row in rows),
    )
    return [row if row.given or row.name in log.told else _with(context, row) for row in rows]


@dataclass(frozen=True)
class _Context:
    last: set[str]
    words: set[str]
    signals: set[str]
    learns_by_reward: bool
    kair: bool
    has_gap: bool
    bare: set[str]

    def has_losses_of(self, role: str) -> bool:
        return any(s == ROLES[role] or s.startswith(f"{ROLES[role]}.") for s in self.signals)


def _with(context: _Context, row: Row) -> Row:  # noqa: C901, PLR0911, PLR0912 - one rule after the other
    name = row.name
    tokens = words.words(name.split("/")[-1])
    reading = row.reading or (row.others[0] if row.others else None)
    if reading is None:
        return _counterpart(context, row, tokens)
    if context.kair:
        return _kair(row, tokens)
    if reading.signal == "d/real/positive" and reading.why.startswith("r_t") and context.words & words.ADA:
        return Row(name, replace(reading, sure=True), why="r_t of ADA, beside its augmentation")
    if context.learns_by_reward and set(tokens) & words.CRITIC:
        return Row(name, Reading("other", why="the critic of an actor, not of a GAN"), why="the critic of an actor")
    if not row.sure:
        known = reading.signal if reading.signal in ROLES.values() else ""
        if known and row.why.endswith("or of validation") and _has_plain(context, known):
            return Row(name, Reading("held-out"), why="of validation, beside that of training")
        if known and "unknown here" in reading.why and _has_plain(context, known):
            kind: Kind = "part of G's loss" if known.endswith("generator") else "part of D's loss"
            return Row(name, Reading(kind, why=f"a part: {reading.why.rpartition(': ')[2]}"), why="a part of the loss")
        if "accuracy" in tokens and {"label_frac", "rotation"} & context.words:
            return Row(name, Reading("other", why="accuracy of a label, not of D"), why="accuracy of a label")
        return row
    if reading.signal in ("quality/precision", "quality/recall") and tokens[0] not in ("pr", "improved"):
        others = {s for s in context.signals if s.startswith("quality/") and s != reading.signal}
        if context.words & CLASSIFYING or not others - {"quality/precision", "quality/recall"}:
            why = "of generated samples, or of a classifier"
            return asked(name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])
    measured = context.signals & {"quality/fid", "quality/kid", "quality/precision", "quality/is"}
    if reading.signal in ("quality/density", "quality/coverage") and not measured:
        why = f"{reading.signal[8:]} of generated samples, or something else"
        return asked(name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])
    if reading.why in ("D(x)", "D(G(z))") and not _is_of_a_gan(context, reading):
        why = f"{reading.why}, or something else: nothing beside it tells of a GAN"
        return asked(name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])
    if reading.signal in ROLES.values() or (reading.signal.startswith("loss/") and reading.role):
        return _alone(context, row, reading, tokens)
    of_d = reading.role or {w for part in name.split("/") for w in words.words(part)} & words.DISCRIMINATOR
    if reading.side and reading.signal.startswith("d/") and not of_d and reading.why.startswith("D's output"):
        other = "fake" if reading.side == "real" else "real"
        if not any(s.startswith("d/") and f"/{other}/" in s for s in context.signals):
            why = f"there is no output on {other} samples beside it"
            return asked(name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])
    return row


def _is_of_a_gan(context: _Context, reading: Reading) -> bool:
    """Whether a log has a loss of G or D, or outputs of the other side."""
    other = {"d/real/mean": "d/fake/", "d/fake/mean": "d/real/"}[reading.signal]
    return bool(context.signals & set(ROLES.values())) or any(s.startswith(other) for s in context.signals)


def _has_plain(context: _Context, signal: str) -> bool:
    role = words.GENERATOR if signal.endswith("generator") else words.DISCRIMINATOR
    return any(
        set(name.split("_")) & role and set(name.split("_")) <= role | words.LOSS | words.NEUTRAL | {"l"}
        for name in context.last
    )


def _alone(context: _Context, row: Row, reading: Reading, tokens: tuple[str, ...]) -> Row:
    """A loss of one network says little where nothing else in the log tells of a GAN."""
    role = "generator" if reading.signal.startswith("loss/generator") else "discriminator"
    other = "discriminator" if role == "generator" else "generator"
    tells = context.has_losses_of(other) or any(s.startswith("d/") for s in context.signals)
    tells |= bool(context.words & (words.GENERATOR if other == "generator" else words.DISCRIMINATOR))
    tells |= context.has_gap or bool(context.words & words.ADVERSARIAL) or bool(PLAIN & set(tokens))
    every = {word for part in row.name.split("/") for word in words.words(part)}
    if reading.why.startswith("its name is") and not every & words.LOSS | every & {"total", "update"}:
        tells = context.bare == set(ROLES)  # G beside D; one letter alone says nothing
    tells |= bool(context.words & CYCLIC)
    partner = PARTNERS.get(reading.own)
    if partner and any(s.startswith("loss/") and s.endswith(f".{partner}") for s in context.signals):
        partner = None
    tells &= partner is None
    if tells or row.reading is None:
        return row
    why = f"nothing else in the log tells of a {other}" + (f", nor of a domain {partner}" if partner else "")
    return asked(row.name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])


def _counterpart(context: _Context, row: Row, tokens: tuple[str, ...]) -> Row:
    """`c_loss` beside `g_loss`, `adv_loss_c`: a critic, where no other name is D's loss."""
    alone = context.has_losses_of("generator") and not context.has_losses_of("discriminator")
    if tokens not in (("c", "loss"), ("loss", "c"), ("err", "c")) or not alone:
        return row
    why = "a critic, or a classifier"
    critic = Reading("signal", ROLES["discriminator"], False, why, role="discriminator")
    return asked(row.name, [critic, Reading("other", why=why, sure=False)])


def _kair(row: Row, tokens: tuple[str, ...]) -> Row:
    """KAIR's D_loss is G's adversarial term and its G_loss the pixel loss; D_real and D_fake are outputs."""
    if (side := next((s for s in ("real", "fake") if tokens == ("d", s)), "")) and not row.given:
        reading = Reading("signal", f"d/{side}/mean", why="KAIR: D's mean output", side=side)
        return Row(row.name, reading, why=reading.why)
    if tokens == ("d", "loss"):
        return Row(
            row.name, Reading("part of G's loss"), why="KAIR: the adversarial part of G's loss, in spite of its name"
        )
    if tokens == ("g", "loss"):
        return Row(row.name, Reading("part of G's loss"), why="KAIR: the pixel part of G's loss, in spite of its name")
    return row

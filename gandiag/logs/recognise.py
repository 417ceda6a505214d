"""From the names of a whole log to signals: each name beside its siblings, and beside its values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gandiag.logs import values, words
from gandiag.logs.names import ROLES, Reading, readings
from gandiag.logs.series import LogError
from gandiag.signals import SIGNALS, describe
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gandiag.logs.series import Log

NONE = "none"
"""What stands for no signal in `--map theirs=none`."""
PARTS_OF_G = frozenset(
    {"g_gan", "gan", "g_l1", "nce", "cycle_a", "cycle_b", "gan_feat", "g_gan_feat", "vgg", "g_vgg", "kld"}
)
CLASSIFYING = frozenset({"f1", "auroc", "roc", "auc", "accuracy", "acc"})
ORDER = {signal.name: place for place, signal in enumerate(SIGNALS)}


@dataclass(frozen=True)
class Row:
    """What one name of the log is taken for.

    `signal` is "" where it is kept under its own name. `sure` is False where the user has to be asked; then `others`
    are the meanings to choose from, the likeliest first, and `signal` is "".
    """

    name: str
    reading: Reading | None
    sure: bool = True
    why: str = ""
    others: tuple[Reading, ...] = ()
    given: bool = False

    @property
    def signal(self) -> str:
        """The signal that it becomes, "" for none."""
        return self.reading.signal if self.reading is not None and self.sure else ""

    @property
    def choices(self) -> tuple[str, ...]:
        """What it may be, as signals; "none" for what gandiag has no signal for."""
        return tuple(dict.fromkeys(r.signal or NONE for r in self.others))


@dataclass
class Mapping_:
    """All names of a log, and which way D's outputs are up."""

    rows: list[Row]
    inverted: bool = False
    inverted_why: str = ""
    doubt: str = ""
    outputs: str = ""
    family: str = ""
    family_why: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def mapped(self) -> list[Row]:
        """Names that become signals."""
        return [row for row in self.rows if row.signal]

    @property
    def open(self) -> list[Row]:
        """Names with several meanings."""
        return [row for row in self.rows if not row.sure]

    @property
    def known(self) -> list[Row]:
        """Names that are understood and for which there is no signal."""
        return [row for row in self.rows if row.sure and row.reading is not None and not row.signal]

    @property
    def unknown(self) -> list[Row]:
        """Names that say nothing to gandiag."""
        return [row for row in self.rows if row.sure and row.reading is None]

    def name_of(self, signal: str) -> str | None:
        """The log's name of a signal."""
        return next((row.name for row in self.rows if row.signal == signal), None)


def recognise(log: Log, given: Mapping[str, str] | None = None, *, accept: bool = False) -> Mapping_:
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
    rows = _beside(log, rows)
    rows = _sides(log, rows)
    rows = _one_each(log, rows)
    if accept:
        rows = _one_each(log, [_accepted(row) for row in rows])
    found = Mapping_(rows)
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
        return Row(name, None, why="as you said", given=True)
    side = next((s for s in ("real", "fake") if f"/{s}/" in signal), "")
    return Row(name, Reading("signal", signal, why="as you said", side=side, rank=-9), why="as you said", given=True)


def _first_look(log: Log, name: str) -> Row:
    if name in log.told:
        signal, why = log.told[name]
        kind = "signal" if signal else "other"
        return Row(name, Reading(kind, signal, why=why, rank=-5), why=why)  # type: ignore[arg-type]
    found = readings(name)
    if not found:
        return Row(name, None)
    if len(found) == 1 and found[0].sure:
        return Row(name, found[0], why=found[0].why)
    return _asked(name, found)


def _asked(name: str, found: Iterable[Reading]) -> Row:
    others = tuple(found)
    if all(not r.signal for r in others):
        return Row(name, replace(others[0], sure=True), why=others[0].why)
    if all(r.signal for r in others):
        others = (*others, Reading("other", why=others[0].why, sure=False))
    return Row(name, None, sure=False, why=others[0].why, others=others)


def _accepted(row: Row) -> Row:
    if row.sure or not row.others:
        return row
    return Row(row.name, replace(row.others[0], sure=True), why=f"{row.why} (accepted)")


def _beside(log: Log, rows: list[Row]) -> list[Row]:
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
            kind = "part of G's loss" if known.endswith("generator") else "part of D's loss"
            return Row(name, Reading(kind, why=f"a part: {reading.why.rpartition(': ')[2]}"), why="a part of the loss")
        if "accuracy" in tokens and {"label_frac", "rotation"} & context.words:
            return Row(name, Reading("other", why="accuracy of a label, not of D"), why="accuracy of a label")
        return row
    if reading.signal in ("quality/precision", "quality/recall") and tokens[0] not in ("pr", "improved"):
        others = {s for s in context.signals if s.startswith("quality/") and s != reading.signal}
        if context.words & CLASSIFYING or not others - {"quality/precision", "quality/recall"}:
            why = "of generated samples, or of a classifier"
            return _asked(name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])
    if reading.signal in ("quality/density", "quality/coverage"):
        if not context.signals & {"quality/fid", "quality/kid", "quality/precision", "quality/is"}:
            why = f"{reading.signal[8:]} of generated samples, or something else"
            return _asked(name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])
    if reading.signal in ROLES.values() or reading.signal.startswith("loss/") and reading.role:
        return _alone(context, row, reading, tokens)
    if reading.side and reading.signal.startswith("d/") and not reading.role and reading.why.startswith("D's output"):
        other = "fake" if reading.side == "real" else "real"
        if not any(s.startswith("d/") and f"/{other}/" in s for s in context.signals):
            why = f"there is no output on {other} samples beside it"
            return _asked(name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])
    return row


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
    tells |= context.has_gap
    tells |= bool({"discriminator", "discrim", "generator", "gan"} & set(tokens))
    if tells or row.reading is None:
        return row
    why = f"nothing else in the log tells of a {other}"
    return _asked(row.name, [replace(reading, sure=False, why=why), Reading("other", why=why, sure=False)])


def _counterpart(context: _Context, row: Row, tokens: tuple[str, ...]) -> Row:
    """`c_loss` beside `g_loss`, `adv_loss_c`: a critic, where no other name is D's loss."""
    if tokens in (("c", "loss"), ("loss", "c"), ("err", "c")) and context.has_losses_of("generator"):
        if not context.has_losses_of("discriminator"):
            why = "a critic, or a classifier"
            critic = Reading("signal", ROLES["discriminator"], False, why, role="discriminator")
            return _asked(row.name, [critic, Reading("other", why=why, sure=False)])
    return row


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
            beside = sorted(PARTS_OF_G & last)[0]
            voice = values.Voice("losses", f"{beside.upper()} beside them: losses, as in pix2pix and CycleGAN")
        else:
            voice = values.sides(log, real, fake, total)
        for name in (real, fake):
            changed[name] = _spoken(open_[name], voice)
        if voice.says == "inverted":
            log.facts["inverted"] = voice.why
    return [changed.get(row.name, row) for row in rows]


def _twins(real: str, fake: str) -> bool:
    return [("S" if w in words.REAL else w) for w in words.words(real)] == [
        ("S" if w in words.FAKE or w == "gen" else w) for w in words.words(fake)
    ]


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
            _asked(r.name, [replace(r.reading, sure=False, why=why), Reading("other", sure=False)])
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
    last = words.words(name.split("/")[-1])
    return 1 if last and last[-1] in words.AT_EPOCH else 0


def _same(log: Log, name: str, other: str) -> bool:
    both = values.common(log, name, other)
    return len(both[0]) > 0 and bool(np.allclose(both[0], both[1], rtol=1e-3, atol=1e-6))


def _direction(log: Log, found: Mapping_) -> None:
    """Whether D's outputs are probabilities, and whether D is low for real."""
    real, fake = found.name_of("d/real/mean"), found.name_of("d/fake/mean")
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


def _loss_family(log: Log, found: Mapping_) -> None:
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

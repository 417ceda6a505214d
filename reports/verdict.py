"""The first screen in words: what the verdict is, what happened, what to do now, what was checked."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from gandiag.findings import SEVERITIES
from gandiag.rundir.ending import ending

from . import undecided
from .content import Action
from .plain import clause
from .text import count, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gandiag.findings import Diagnosis, Finding
    from gandiag.rundir.run import Run

    from .best import Best
    from .content import Pair
    from .timeline import Flag

BROKE_OFF = {"crashed": "crashed", "killed": "was killed", "interrupted": "was interrupted"}
ROLL_BACK = "roll-back"  # the remedy that the first action is
SAID = ("early-stop",)  # remedies that say no more than it does
CAUSE_STEPS, CAUSE_SHARE = 200, 0.1  # how long before an onset a change counts as what came before it; of the step
MOST_ACTIONS = 3


def headline(run: Run, diagnosis: Diagnosis) -> str:
    """The verdict and the finding that made it, and how the training broke off, if it did."""
    broke_off = BROKE_OFF.get(ending(run.meta).status)
    told = undecided.headline(diagnosis) if diagnosis.verdict == "undecided" else _verdict(diagnosis)
    return f"{told}; the training {broke_off} at step {diagnosis.last_step:,}" if broke_off else told


def _verdict(diagnosis: Diagnosis) -> str:
    worst = _worst(diagnosis)
    if diagnosis.verdict not in ("failing", "suspect") or worst is None:
        return diagnosis.verdict.capitalize()
    until = "" if worst.ongoing else f" to {worst.last_step:,}"
    return f"{diagnosis.verdict.capitalize()}: {worst.title} {worst.since}{until}"


def _worst(diagnosis: Diagnosis) -> Finding | None:
    """The first of the failures that still hold; without one the first warning that does, or else what is over."""
    serious = [f for f in diagnosis.findings if f.severity != "info"]
    ongoing = [f for f in serious if f.ongoing]
    worst = [f for f in ongoing if f.severity == "failure"] or ongoing or serious
    return worst[0] if worst else None


def root(diagnosis: Diagnosis) -> Finding | None:
    """The finding that everything else follows from; of several beginnings, the first."""
    places = [places[0] for places in diagnosis.story.chains]
    counting = [f for f in diagnosis.findings if f.counts]
    return diagnosis.findings[min(places)] if places else counting[0] if counting else _worst(diagnosis)


def cause(diagnosis: Diagnosis, flags: Sequence[Flag]) -> Flag | None:
    """What the user changed shortly before the first trouble, the last of several changes."""
    first = root(diagnosis)
    if first is None:
        return None
    reach = max(CAUSE_STEPS, CAUSE_SHARE * first.onset_step)
    before = [f for f in flags if first.onset_step - reach <= f.step <= first.onset_step]
    return before[-1] if before else None


def sentence(run: Run, diagnosis: Diagnosis, flags: Sequence[Flag]) -> str:
    """What happened, for somebody who trains GANs and has not read our code."""
    if not diagnosis.last_step:
        return "Nothing was recorded, so nothing could be judged."
    steps = count(diagnosis.last_step, "step")
    told = [_happened(diagnosis, flags)] if _worst(diagnosis) else []
    if diagnosis.verdict == "undecided":
        told.append(undecided.sentence(diagnosis))
    elif not told:
        told.append(f"None of {count(len(diagnosis.clean), 'kind')} of failure was found in {steps}.")
    if diagnosis.errors:
        told.append(f"{count(len(diagnosis.errors), 'check')} crashed, which is a fault of gandiag.")
    if run.damage:
        told.append("Some files of the run are damaged.")
    if diagnosis.caveat:
        told.append(f"{diagnosis.caveat}.")
    return " ".join(told)


def _happened(diagnosis: Diagnosis, flags: Sequence[Flag]) -> str:
    first, worst, changed = root(diagnosis), _worst(diagnosis), cause(diagnosis, flags)
    assert first is not None and worst is not None  # noqa: S101, PT018 - the caller asked
    failures = len({f.title for f in diagnosis.findings if f.severity == "failure"} - {first.title, worst.title})
    if changed is not None:
        after = worst.onset_step - changed.step
        when = f"{count(after, 'step')} later" if after else "at once"
        told = f"At step {changed.step:,} {changed.detail}; {when} {clause(worst)}"
    elif first is not worst:
        after = worst.onset_step - first.onset_step
        link = f"{count(after, 'step')} later" if after > 0 else "and"
        told = f"From step {first.onset_step:,} on {clause(first)}; {link} {clause(worst)}"
    else:
        told = f"From step {first.onset_step:,} on {clause(first)}"
    more = f", and {count(failures, 'more failure')} followed" if failures else ""
    if worst.ongoing:
        return f"{told}{more}. It has not recovered."
    return f"{told}{more}. It was over by step {worst.last_step + 1:,}."


def actions(run: Run, diagnosis: Diagnosis, flags: Sequence[Flag], best: Best | None) -> tuple[Action, ...]:
    """What to do now, in order, at most three things."""
    if not diagnosis.last_step:
        found = [Action("check that gandiag.attach is called before the loop, and that the loop steps its optimizers")]
    elif diagnosis.verdict in ("failing", "suspect"):
        found = [*_go_back(diagnosis, best), *_mend(diagnosis, flags)]
    elif diagnosis.verdict == "healthy":
        found = [*_keep(run, diagnosis, best)]
    else:
        found = undecided.actions(diagnosis)
    status = ending(run.meta)
    if status.status in BROKE_OFF and diagnosis.last_step and diagnosis.verdict not in ("failing", "suspect"):
        found.insert(0, Action(f"look at why the training broke off: {cut(str(status))}"))
    return tuple(found[:MOST_ACTIONS])


def _keep(run: Run, diagnosis: Diagnosis, best: Best | None) -> Iterator[Action]:
    if best is None:
        yield Action("nothing needs to be changed: keep training")
        return
    behind = diagnosis.last_step - best.step
    ago = f", {count(behind, 'step')} before the end" if behind else ""
    far = "the best of the run" if ending(run.meta).status == "closed" else "the best so far"
    yield Action(f"keep the checkpoint of step {best.step:,} ({best.told}, {far}{ago})")


def _go_back(diagnosis: Diagnosis, best: Best | None) -> Iterator[Action]:
    """Which checkpoint to load; none where the run never was well, or its loop is what has to be mended."""
    step = best.step if best else diagnosis.last_healthy_step or 0
    worst = _worst(diagnosis)
    if not worst or not worst.ongoing:
        return
    if step < 1 or (first := root(diagnosis)) is None or first.onset_step <= 1:
        yield Action("start again once this is mended: there is no good checkpoint to go back to")
        return
    remedies = chain.from_iterable(f.remedies for f in diagnosis.findings)
    code = next((r.code for r in remedies if r.name == ROLL_BACK), "")
    why = f"the best: {best.told}" if best else "the last healthy one"
    yield Action(f"load the checkpoint of step {step:,}, or the last one before it ({why})", code)


def _mend(diagnosis: Diagnosis, flags: Sequence[Flag]) -> Iterator[Action]:
    """The one or two changes that fit the root."""
    first, changed = root(diagnosis), cause(diagnosis, flags)
    if changed is not None and changed.undo:
        yield Action(f"set {changed.undo}", changed.code)
    answered = changed is not None and changed.undo and first is not None and first.code == "learning-rates"
    if first is not None and not answered:
        for remedy in [r for r in first.remedies if r.name not in (ROLL_BACK, *SAID)][:2]:
            yield Action(cut(remedy.change), remedy.code)


def checked(diagnosis: Diagnosis) -> tuple[Pair, ...]:
    """How many kinds of failure had which outcome."""
    ranked = sorted(diagnosis.findings, key=lambda f: SEVERITIES.index(f.severity))
    worst = {f.title: f.severity for f in ranked if f.severity != "info"}
    outcomes = Counter(worst.values())
    open_ = len(diagnosis.not_assessed) + len(diagnosis.errors)
    found = [
        ("PASS", len(diagnosis.clean)),
        ("WARN", outcomes["warning"]),
        ("FAIL", outcomes["failure"]),
        ("NOT CHECKED", open_),
    ]
    return tuple((name, str(amount)) for name, amount in found)

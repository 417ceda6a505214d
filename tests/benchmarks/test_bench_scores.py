"""Scores of hand-made judgements, against counts made by hand."""

from __future__ import annotations

import pytest

from benchmarks.bench.bench import scored
from benchmarks.bench.corpus import Entry, Label
from benchmarks.bench.judged import Alarm, Judged
from benchmarks.bench.results import HELD_OUT
from benchmarks.bench.scores import Judge, score
from benchmarks.bench.shares import Share

COLLAPSE = Judge("mode-collapse", "gandiag", ("mode-collapse",))
STEPS = 1000


def judged(name, *labels, status=None, split="evaluation", verdict="healthy", skipped=(), **alarms):
    """A judged run; alarms are (severity, first step, last step) by detector, with _ for -."""
    entry = Entry(
        name=name,
        configuration=name,
        data="ring8",
        loss="wgan",
        seed=1,
        steps=STEPS,
        split=split,
        status=status or ("failing" if labels else "healthy"),
        failures=tuple(Label(code, onset) for code, onset in labels),
    )
    spells = {code.replace("_", "-"): tuple(Alarm(*a) for a in given) for code, given in alarms.items()}
    return Judged(entry=entry, verdict=verdict, alarms=spells, not_assessed=frozenset(skipped))


def test_recall_counts_runs_by_severity():
    """Of three labelled runs one is found as a failure, one with a warning, one not at all."""
    result = score(
        COLLAPSE,
        [
            judged("a", ("mode-collapse", 500), mode_collapse=[("failure", 520, 1000)]),
            judged("b", ("mode-collapse", 500), mode_collapse=[("warning", 540, 1000)]),
            judged("c", ("mode-collapse", 500), mode_collapse=[("info", 500, 1000)]),
            judged("d", ("oscillation", 500)),
        ],
    )
    assert (result.found, result.found_warning) == (Share(1, 3), Share(2, 3))
    assert result.missed == ("b", "c")
    assert result.delays.steps == (20,)
    assert result.delays_warning.steps == (20, 40)


@pytest.mark.parametrize(("last", "found"), [(449, 0), (450, 1), (1000, 1)])
def test_an_alarm_that_ended_before_the_onset_is_no_detection(last, found):
    """It must last to within 5 % of the run's length before the labelled onset."""
    run = judged("a", ("mode-collapse", 500), mode_collapse=[("failure", 100, last)])
    assert score(COLLAPSE, [run]).found.hits == found


def test_the_first_alarm_that_fits_is_the_one_whose_onset_counts():
    """An alarm that came and went before the failure does not date it."""
    spells = [("failure", 10, 60), ("failure", 530, 600), ("failure", 700, 1000)]
    result = score(COLLAPSE, [judged("a", ("mode-collapse", 500), mode_collapse=spells)])
    assert (result.delays.steps, result.delays.shares, result.delays.early) == ((30,), (0.03,), 0)


def test_an_alarm_that_stood_long_before_the_failure_is_counted_as_early():
    """It is found, with a negative delay, and said to be early."""
    result = score(COLLAPSE, [judged("a", ("mode-collapse", 500), mode_collapse=[("failure", 20, 1000)])])
    assert (result.found, result.delays.steps, result.delays.early) == (Share(1, 1), (-480,), 1)


def test_false_alarms_count_healthy_runs_and_their_steps():
    """Two spells in one of four judged healthy runs: a quarter of the runs, 2 in 4,000 steps."""
    runs = [judged(f"h{i}") for i in range(2)]
    runs.append(judged("noisy", mode_collapse=[("failure", 10, 20), ("failure", 60, 90)]))
    runs.append(judged("wary", mode_collapse=[("warning", 10, 20)]))
    runs.append(judged("blind", skipped=["mode-collapse"]))
    result = score(COLLAPSE, runs)
    assert (result.false_alarms, result.false_alarms_warning) == (Share(1, 4), Share(2, 4))
    assert result.false_alarm_steps == Share(2, 4 * STEPS)
    assert result.to_dict()["false_alarms_per_100k_healthy_steps"]["value"] == pytest.approx(50)
    assert (result.false_alarmed, result.not_assessed) == (("noisy",), Share(1, 5))


def test_a_run_that_could_not_be_judged_counts_as_missed():
    """Not to look is no excuse for not finding."""
    run = judged("a", ("mode-collapse", 500), skipped=["mode-collapse"])
    assert score(COLLAPSE, [run]).found == Share(0, 1)


def test_precision_tells_the_right_failure_from_any_failure():
    """Alarms on a collapsed, an oscillating and a healthy run: right once of three, on a failing run twice."""
    alarm = {"mode_collapse": [("failure", 600, 1000)]}
    runs = [
        judged("a", ("mode-collapse", 500), **alarm),
        judged("b", ("oscillation", 1), **alarm),
        judged("c", **alarm),
    ]
    result = score(COLLAPSE, runs)
    assert (result.precision, result.precision_any_failing) == (Share(1, 3), Share(2, 3))
    assert result.found_any_failing == Share(2, 2)


def test_partial_failures_count_on_their_own():
    """Neither as found nor as false alarm nor for precision."""
    run = judged("p", ("mode-collapse", 500), status="partial", mode_collapse=[("failure", 600, 1000)])
    result = score(COLLAPSE, [run])
    assert (result.found.n, result.false_alarms.n, result.precision.n) == (0, 0, 0)
    assert result.partial == Share(1, 1)


def test_a_baseline_is_scored_on_all_that_it_claims_from_the_first_onset_on():
    """A run with two claimed failures counts once, from the first of them."""
    judge = Judge("loss", "Loss alarm", ("oscillation", "divergence"))
    run = judged("a", ("divergence", 700), ("oscillation", 300), loss=[("failure", 400, 1000)])
    result = score(judge, [run, judged("b", ("mode-collapse", 300))])
    assert (result.found, result.delays.steps) == (Share(1, 1), (100,))


def test_cross_talk_gives_the_share_of_alarms_for_each_label():
    """sample-collapse is alarmed on in one of two collapsed runs and on no healthy one."""
    runs = [
        judged("a", ("mode-collapse", 500), sample_collapse=[("failure", 510, 1000)]),
        judged("b", ("mode-collapse", 500), ("buried-layer", 500), sample_collapse=[("warning", 510, 1000)]),
        judged("c"),
    ]
    bench = scored("corpus", runs)
    talk = bench.parts[HELD_OUT].cross_talk["sample-collapse"]
    assert (talk["mode-collapse"], talk["buried-layer"], talk["healthy"]) == (Share(1, 2), Share(0, 1), Share(0, 1))
    assert bench.no_detector == ("buried-layer",)


def test_splits_are_scored_apart_and_held_out_runs_together():
    """One run of each split: each alone, evaluation and unseen together, tuning never with them."""
    alarm = {"mode_collapse": [("failure", 500, 1000)]}
    runs = [
        judged("t", ("mode-collapse", 500), split="tuning", **alarm),
        judged("e", ("mode-collapse", 500), split="evaluation", **alarm),
        judged("u", ("mode-collapse", 500), split="unseen"),
    ]
    bench = scored("corpus", runs)
    shares = {part: bench.score("mode-collapse", part).found for part in bench.parts}
    assert shares == {
        HELD_OUT: Share(1, 2),
        "tuning": Share(1, 1),
        "evaluation": Share(1, 1),
        "unseen": Share(0, 1),
    }


def test_verdicts_are_counted_by_status():
    """Two of three failing runs are called failing, one suspect; the healthy one is healthy."""
    runs = [judged(str(i), ("mode-collapse", 5), verdict="failing") for i in range(2)]
    runs += [judged("s", ("mode-collapse", 5), verdict="suspect"), judged("h")]
    part = scored("corpus", runs).parts[HELD_OUT]
    assert part.verdict_share("failing", "failing") == Share(2, 3)
    assert part.verdict_share("failing", "failing", "suspect") == Share(3, 3)
    assert part.verdict_share("healthy", "failing", "suspect") == Share(0, 1)

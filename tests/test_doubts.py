"""What a detector that found nothing leaves open: a grace, a signal that ended early, evidence that shows no health."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gandiag
from gandiag import synthetic
from gandiag.judge.diagnose import diagnose
from gandiag.probes.phases import PhaseProbe
from gandiag.rundir.run import Run

RUN = synthetic.healthy()
STEPS = RUN.scalars.index


def with_signals(run=RUN, **signals):
    return replace(run, scalars=run.scalars.assign(**signals))


def not_assessed(diagnosis):
    return {n.code: n for n in diagnosis.not_assessed}


def collapsed_from_the_start():
    return with_signals(**{"diversity/ratio": 0.001, "diversity/nearest_ratio": 0.001})


@pytest.mark.parametrize("steps", [250, 600, 1000])
def test_a_generator_that_was_never_diverse_is_not_healthy_while_it_may_be_warming_up(steps):
    """Too early for a finding, and no health either; it says from when on it counts."""
    diagnosis = diagnose(collapsed_from_the_start().until(steps))
    assert (diagnosis.verdict, diagnosis.decided) == ("undecided", False)
    entry = not_assessed(diagnosis)["sample-collapse"]
    assert entry.reason == "the samples have not been diverse at any point so far"
    assert "from step 1,010 on" in entry.how_to
    assert "sample-collapse" not in diagnosis.clean


def test_after_the_grace_it_fails():
    """What was left open is decided."""
    diagnosis = diagnose(collapsed_from_the_start())
    assert diagnosis.verdict == "failing"
    assert "sample-collapse" not in not_assessed(diagnosis)


def test_modes_that_were_never_covered_are_left_open():
    """Although samples are diverse, so that another failure of the group was looked for."""
    lost = np.where(STEPS % 50 == 0, 5.0, np.nan)
    diagnosis = diagnose(with_signals(**{"modes/nearest/missing": lost, "modes/nearest/effective": lost}).until(600))
    assert (
        not_assessed(diagnosis)["mode-collapse"].reason == "most of the data has not been covered at any point so far"
    )
    assert "sample-collapse" in diagnosis.clean
    assert diagnosis.verdict == "undecided"


def test_a_generator_that_has_warmed_up_is_judged_within_the_grace():
    """It was diverse, so that its grace is over."""
    diagnosis = diagnose(RUN.until(600))
    assert "sample-collapse" in diagnosis.clean
    assert diagnosis.verdict == "healthy"


@pytest.mark.parametrize(("end", "decided"), [(2975, True), (2950, False)])
def test_what_is_essential_must_reach_the_end(end, decided):
    """D's outputs end 50 of 3,000 steps before the run; failures that are not essential are good for a tenth."""
    diagnosis = diagnose(with_signals(**{"d/auc": RUN.scalars["d/auc"].where(end >= STEPS)}))
    assert diagnosis.decided is decided
    assert ("vanishing-gradients" in not_assessed(diagnosis)) is not decided
    assert "discriminator-dominance" in diagnosis.clean


def test_a_failure_that_passed_says_nothing_of_what_came_after_the_record():
    """Diversity fell and recovered, and then was recorded no more: found, and open."""
    fell = RUN.scalars[["diversity/ratio", "diversity/nearest_ratio"]].mul(
        np.where((STEPS > 1000) & (STEPS <= 1200), 0.45, 1.0), axis=0
    )
    diagnosis = diagnose(with_signals(**{name: fell[name].where(STEPS <= 2000) for name in fell}))
    assert [f.code for f in diagnosis.findings] == ["sample-collapse"]
    assert not_assessed(diagnosis)["sample-collapse"].reason.endswith("up to step 2,000 of 3,000")


def test_latents_alone_show_no_health():
    """Without a real batch a generator may always have been poor; it says what to pass."""
    seen = [c for c in RUN.scalars if not c.startswith(("diversity/", "modes/", "bins/", "distance/", "centre/"))]
    run = replace(RUN, scalars=RUN.scalars[seen].assign(**{"diversity/latent": 1.0}))
    diagnosis = diagnose(run)
    entry = not_assessed(diagnosis)["sample-collapse"]
    assert "compared with its own best" in entry.reason
    assert "real_samples=" in entry.how_to
    assert diagnosis.verdict == "undecided"


def test_hooks_that_die_in_the_last_tenth_leave_the_run_undecided(tmp_path, tiny, monkeypatch):
    """What D was given is recorded up to step 270 of 300: told by the fault, and by what was not assessed."""
    record = PhaseProbe.record

    def dies(probe, *arguments):
        if probe._recording.completed_steps >= 270:
            raise RuntimeError("broken")
        record(probe, *arguments)

    monkeypatch.setattr(PhaseProbe, "record", dies)
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", alerts=False) as callback:
        gan.train(300, callback)
    run = Run.open(tmp_path / "run")
    diagnosis = diagnose(run)
    assert run.last_step == 300
    assert not diagnosis.decided
    assert not_assessed(diagnosis)["vanishing-gradients"].reason == "d/auc was recorded up to step 270 of 300"
    assert any("RuntimeError: broken" in sentence for sentence in diagnosis.missing)

"""One class of a conditional generator that varies no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.class_collapse import ClassCollapse
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 250

DETECT = ClassCollapse()
STEPS = np.arange(1, 3001)


def scaled(factors, seed=0):
    """A healthy run whose classes are that much less varied from step 1500 on."""
    run = synthetic.healthy(seed)
    late = STEPS >= 1500
    columns = {
        f"diversity/class/{k}": run.scalars[f"diversity/class/{k}"] * np.where(late, f, 1.0) for k, f in factors.items()
    }
    return replace(run, scalars=run.scalars.assign(**columns))


@pytest.mark.parametrize("seed", range(5))
def test_the_class_that_collapses_is_found_and_named(seed):
    """Dated within the 50 steps of the fall."""
    (found,) = DETECT(synthetic.class_collapse(at=1500, seed=seed, classes=(7,)))
    assert abs(found.onset_step - 1500) <= 50
    assert (found.severity, found.ongoing) == ("failure", True)
    assert found.summary.startswith("Class 7 of 10 ")
    assert found.columns == ("diversity/class/7",)


def test_several_classes_are_one_finding():
    """Two classes of ten, the lower one first."""
    (found,) = DETECT(scaled({2: 0.2, 5: 0.1}))
    assert found.summary.startswith("Classes 5, 2 of 10 ")


def test_severity_follows_what_is_left():
    """0.8 of the variety is nothing, 0.4 a warning, 0.1 a failure."""
    found = [DETECT(scaled({0: factor})) for factor in (0.8, 0.4, 0.1)]
    assert [[f.severity for f in findings] for findings in found] == [[], ["warning"], ["failure"]]


def test_all_classes_at_once_are_another_failure():
    """The look-alike: nothing to tell one class from the others; near-duplicates show it in the whole batch."""
    assert DETECT(scaled(dict.fromkeys(range(10), 0.1))) == []


def test_a_class_that_always_was_the_least_varied_is_none():
    """A level of 0.3 from the first step on, while others have 0.95: nothing was lost."""
    run = synthetic.healthy()
    column = {"diversity/class/4": run.scalars["diversity/class/4"] * 0.3}
    assert DETECT(replace(run, scalars=run.scalars.assign(**column))) == []


def test_a_class_that_never_varied_is_found_once_there_was_time():
    """Dated near the start; before step 1,000 nothing is said of it."""
    run = synthetic.healthy()
    column = {"diversity/class/4": run.scalars["diversity/class/4"] * 0.01}
    still = replace(run, scalars=run.scalars.assign(**column))
    (found,) = DETECT(still)
    assert found.onset_step <= 20
    assert (found.severity, found.ongoing) == ("failure", True)
    assert found.summary.startswith("Class 4 of 10 never varied")
    assert DETECT(still.until(950)) == []


def test_a_class_that_becomes_more_varied_is_none():
    """Direction: one class, or all others, at three times their variety."""
    assert DETECT(scaled({0: 3.0})) == []
    assert DETECT(scaled(dict.fromkeys(range(1, 10), 3.0))) == []


def test_rare_classes_are_judged_by_what_was_seen_of_them():
    """Two samples of the class in every fifteenth batch: found all the same, within 200 steps."""
    run = synthetic.class_collapse(at=1500, classes=(3,))
    rare = run.scalars["diversity/class/3"].where(STEPS % 15 == 0)
    (found,) = DETECT(replace(run, scalars=run.scalars.assign(**{"diversity/class/3": rare})))
    assert abs(found.onset_step - 1500) <= 200
    assert found.severity == "failure"


def test_without_classes_nothing_is_assessed():
    """The reason names the signals, and how to have them."""
    run = synthetic.healthy()
    run = replace(run, scalars=run.scalars[[n for n in run.scalars if "/class/" not in n]])
    (entry,) = diagnose(run, [DETECT]).not_assessed
    assert entry.reason == "diversity/class/<class> was not recorded"
    assert entry.missing == ("diversity/class/<class>",)
    assert "labels" in entry.how_to


def test_a_class_whose_record_ends_is_doubted_only_when_all_do():
    """All classes up to step 1000 of 3000: not called clean."""
    run = synthetic.healthy()
    columns = {n: run.scalars[n].where(STEPS <= 1000) for n in run.scalars if "/class/" in n}
    (entry,) = diagnose(replace(run, scalars=run.scalars.assign(**columns)), [DETECT]).not_assessed
    assert "up to step 1,000 of 3,000" in entry.reason
    columns.pop("diversity/class/0")
    assert diagnose(replace(run, scalars=run.scalars.assign(**columns)), [DETECT]).clean == ("class-collapse",)

"""From findings to a verdict: what is called failing, what healthy, and what was not decided."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd
import pytest

from gandiag import synthetic
from gandiag.detectors import DETECTORS
from gandiag.findings import DetectorError, Diagnosis, Evidence, Finding, Link, NotApplicable, NotAssessed
from gandiag.judge.diagnose import diagnose
from gandiag.judge.doubts import ESSENTIAL
from gandiag.judge.mechanisms import MISTAKES
from gandiag.remedy import Remedy

RUN = synthetic.healthy()
OF_UNKNOWN_LOSS = replace(RUN, meta=RUN.meta | {"loss_family": {"name": "unknown", "source": "inferred"}})


def remedy(name="do-this", **fields):
    words = {"change": "do this", "code": "pass", "why": "it helps", "cost": "none", "evidence": "a paper"}
    rest = {"cost_level": 0, "verified": True, "expect": "d/auc falls"}
    return Remedy(name=name, **{**words, **rest, **fields})


def finding(code="stub", severity="failure", onset=1000, last=3000, ongoing=True, value=1.0):
    return Finding(
        code=code,
        severity=severity,
        onset_step=onset,
        last_step=last,
        ongoing=ongoing,
        summary="something happened",
        evidence=(Evidence(signal="d/auc", value=value, threshold=0.5, unit="probability"),),
        mechanism="because",
        remedies=(remedy(), remedy("do-that", families=("minimax", "non-saturating"))),
        columns=("d/auc",),
    )


@dataclass(frozen=True, kw_only=True)
class Stub:
    """A detector that finds what it is told to."""

    code: str = "stub"
    needs: tuple[str, ...] = ("d/auc",)
    how_to: str = "log d/auc"
    not_for: dict[str, str] = field(default_factory=dict, hash=False)
    min_run_steps: int = 1
    findings: tuple[Finding, ...] = ()
    usable: bool = True

    def score(self, run):
        return run.series("d/auc") if self.usable else pd.Series(dtype="float64")

    def __call__(self, run):
        return [f for f in self.findings if f.onset_step <= run.last_step]


@dataclass(frozen=True, kw_only=True)
class Crashing(Stub):
    """A detector with a bug."""

    def __call__(self, run):
        return run.scalars["no such signal"]


def judged(*findings):
    """The diagnosis of a run that every detector could judge, with these findings beside none of theirs."""
    return diagnose(RUN, (*DETECTORS, Stub(findings=findings)))


@pytest.mark.parametrize(
    ("severity", "ongoing", "verdict"),
    [
        ("failure", True, "failing"),
        ("failure", False, "suspect"),
        ("warning", True, "suspect"),
        ("warning", False, "healthy"),
        ("info", True, "healthy"),
        ("info", False, "healthy"),
    ],
)
def test_the_verdict_follows_severity_and_whether_it_still_holds(severity, ongoing, verdict):
    """A failure that is over leaves a suspicion; a warning that is over, nothing."""
    assert judged(finding(severity=severity, ongoing=ongoing, last=3000 if ongoing else 2000)).verdict == verdict


def test_the_worst_finding_decides():
    """In either order."""
    findings = (finding(severity="warning"), finding(severity="failure", onset=500))
    assert judged(*findings).verdict == judged(*findings[::-1]).verdict == "failing"
    assert judged(*findings).worst() == "failure"
    assert judged().worst() is None


def test_a_run_without_findings_that_all_could_judge_is_healthy():
    """With every failure named as looked for, and healthy to the last step."""
    diagnosis = diagnose(OF_UNKNOWN_LOSS)
    assert diagnosis.verdict == "healthy"
    assert diagnosis.decided
    assert diagnosis.clean == tuple(d.code for d in DETECTORS)
    assert diagnosis.last_step == diagnosis.last_healthy_step == 3000


@pytest.mark.parametrize("group", ESSENTIAL, ids=" or ".join)
def test_no_run_is_healthy_whose_essential_failures_were_not_looked_for(group):
    """All of a group missing leaves it open, each kind of collapse for itself."""
    without = [d for d in DETECTORS if d.code not in group]
    blind = [replace(d, min_run_steps=10**9) for d in DETECTORS if d.code in group]
    diagnosis = diagnose(RUN, [*without, *blind])
    assert (diagnosis.verdict, diagnosis.decided) == ("undecided", False)
    assert diagnose(RUN, DETECTORS).verdict == "healthy"


def test_a_run_that_no_detector_looked_at_is_undecided():
    """An empty catalogue is not the default one, and finds nothing healthy."""
    diagnosis = diagnose(RUN, detectors=())
    assert (diagnosis.verdict, diagnosis.clean, diagnosis.findings) == ("undecided", (), ())


def test_a_failure_counts_however_much_was_not_assessed():
    """Nothing but one column recorded, and that is NaN throughout."""
    run = synthetic.non_finite()
    diagnosis = diagnose(replace(run, scalars=run.scalars[["nonfinite"]]))
    assert (diagnosis.verdict, diagnosis.decided) == ("failing", False)


def test_a_crashing_detector_is_an_error_and_no_health():
    """The others still judge, and what they find still counts; without findings the run is undecided."""
    diagnosis = diagnose(OF_UNKNOWN_LOSS, (Crashing(code="crashing"), *DETECTORS))
    assert diagnosis.errors == (DetectorError(code="crashing", message="KeyError: 'no such signal'"),)
    assert (diagnosis.verdict, diagnosis.decided) == ("undecided", False)
    assert diagnosis.clean == tuple(d.code for d in DETECTORS)
    failing = diagnose(RUN, (Crashing(code="crashing"), Stub(findings=(finding(),))))
    assert failing.verdict == "failing"
    assert [e.code for e in failing.errors] == ["crashing"]


def test_missing_signals_are_named_with_the_way_to_get_them():
    """Every one that is missing, none that is there, alternatives joined by "or"."""
    detector = Stub(needs=("d/auc", "modes/kl|modes/tv", "quality/fid"), how_to="pass modes=")
    run = replace(RUN, scalars=RUN.scalars[["d/auc"]].assign(**{"quality/fid": np.nan}))
    diagnosis = diagnose(run, [detector])
    expected = NotAssessed(
        code="stub",
        reason="modes/kl or modes/tv and quality/fid were not recorded",
        how_to="pass modes=",
        missing=("modes/kl|modes/tv", "quality/fid"),
    )
    assert diagnosis.not_assessed == (expected,)
    assert diagnosis.clean == ()


def test_one_of_several_alternatives_is_enough():
    """With "a|b", b alone lets the detector judge."""
    diagnosis = diagnose(RUN, [Stub(needs=("quality/fid|d/auc",))])
    assert diagnosis.clean == ("stub",)


def test_a_short_run_is_not_assessed():
    """With its length and the length that is needed, counted from its first step."""
    (entry,) = diagnose(RUN.until(150), [Stub(min_run_steps=200)]).not_assessed
    assert "150 steps" in entry.reason
    assert "200" in entry.reason
    assert "longer" in entry.how_to
    late = replace(RUN, scalars=RUN.scalars.loc[2900:])
    assert diagnose(late, [Stub(min_run_steps=200)]).clean == ()
    assert diagnose(late, [Stub(min_run_steps=100)]).clean == ("stub",)


def test_a_signal_that_cannot_be_judged_is_not_called_clean():
    """A detector without a single score looked at nothing."""
    diagnosis = diagnose(RUN, [Stub(usable=False)])
    assert diagnosis.clean == ()
    assert [(n.code, n.how_to) for n in diagnosis.not_assessed] == [("stub", "log d/auc")]


def test_findings_stand_in_causal_order():
    """What came first stands first, whoever found it."""
    first, second, third = (finding(code=c, onset=o) for c, o in (("c", 100), ("a", 500), ("b", 900)))
    diagnosis = diagnose(RUN, [Stub(code="a", findings=(second,)), Stub(code="b", findings=(third, first))])
    assert diagnosis.findings == (first, second, third)


def test_of_what_begins_together_a_mistake_in_the_loop_stands_first():
    """It accounts for the rest, also where that was over sooner; what began earlier stays before it."""
    found = judged(
        finding("stagnation", onset=1, last=2000, ongoing=False),
        finding("not-learning", onset=1),
        finding("stub", onset=0),
    )
    assert [f.code for f in found.findings] == ["stub", "not-learning", "stagnation"]


def test_a_code_with_a_finding_is_not_clean():
    """Nor is one that was not assessed or crashed: each code stands in one place."""
    detectors = [
        Stub(code="found", findings=(finding(code="found"),)),
        Stub(code="unseen", needs=("quality/fid",)),
        Crashing(code="crashed"),
        Stub(code="fine"),
    ]
    assert diagnose(RUN, detectors).clean == ("fine",)


@pytest.mark.parametrize(
    ("findings", "last_healthy"),
    [
        ((), 3000),
        ((finding(onset=1000), finding(onset=700)), 699),
        ((finding(onset=1000), finding(onset=300, last=400, ongoing=False)), 999),
        ((finding(onset=1000, severity="warning"),), 999),
        ((finding(onset=1000, severity="info"),), 3000),
        ((finding(onset=1),), None),
    ],
    ids=["none", "the first of two", "one that is over", "a warning", "an info", "from the first step"],
)
def test_the_last_healthy_step_lies_before_the_first_trouble_that_still_holds(findings, last_healthy):
    """The checkpoint to go back to."""
    assert judged(*findings).last_healthy_step == last_healthy


def test_failed_asks_for_a_severity_that_still_holds():
    """What decides an exit status: nothing that is over, and nothing below the bar."""
    warning, over = judged(finding(severity="warning")), judged(finding(last=2000, ongoing=False))
    assert [warning.failed(bar) for bar in ("info", "warning", "failure")] == [True, True, False]
    assert not over.failed("info")
    assert judged(finding()).failed()
    assert not Diagnosis(verdict="undecided").failed("info")


def test_a_diagnosis_survives_json():
    """Findings, gaps and errors, with NaN and infinities as evidence, back to equal objects of the same types."""
    links = [finding(code="oscillation", onset=20), finding(code="divergence", onset=40)]
    odd = [finding(code="odd", onset=10 * i, value=v) for i, v in enumerate((np.inf, -np.inf, 0.5), start=1)]
    detectors = [Stub(findings=(*odd, *links)), Stub(code="gap", needs=("quality/fid",)), Crashing(code="crashing")]
    detectors.append(Stub(code="excluded", not_for={RUN.loss_family: "it has no such thing"}))
    diagnosis = diagnose(RUN, [*detectors, *DETECTORS])
    text = json.dumps(diagnosis.to_dict(), allow_nan=False)
    back = Diagnosis.from_dict(json.loads(text))
    assert replace(back, provenance={}) == replace(diagnosis, provenance={})
    assert back.to_dict() == diagnosis.to_dict()
    assert isinstance(back.findings[0].evidence[0], Evidence)
    assert isinstance(back.findings[0].remedies[1], Remedy)
    assert [type(link) for link in back.story.links] == [Link]
    assert NotApplicable(code="excluded", reason="it has no such thing") in back.not_applicable

    unknown = replace(diagnosis, findings=(finding(value=float("nan")),))
    again = Diagnosis.from_dict(json.loads(json.dumps(unknown.to_dict(), allow_nan=False)))
    assert np.isnan(again.findings[0].evidence[0].value)


def test_what_is_no_diagnosis_is_refused():
    """A file of an older version, of another kind, with something missing, and with something more: one sentence."""
    whole = diagnose(RUN).to_dict()
    older = {key: value for key, value in whole.items() if key != "schema"}
    with pytest.raises(ValueError, match=r"schema must be 'gandiag-diagnosis/2', found None: another version .* judge"):
        Diagnosis.from_dict(older)
    with pytest.raises(ValueError, match="found 'gandiag-run/1'"):
        Diagnosis.from_dict({"schema": "gandiag-run/1"})
    with pytest.raises(ValueError, match=r"no diagnosis of schema .*: 'story'"):
        Diagnosis.from_dict({key: value for key, value in whole.items() if key != "story"})
    with pytest.raises(ValueError, match=r"no diagnosis of schema .*surprise"):
        Diagnosis.from_dict({**whole, "surprise": 1})


def excluded(*codes):
    """The catalogue, in which some rules do not apply to the run's loss family."""
    reason = {RUN.loss_family: "no such thing under this loss"}
    return [Stub(code=d.code, not_for=reason) if d.code in codes else d for d in DETECTORS]


def test_what_does_not_apply_is_neither_clean_nor_missing():
    """It is named with its reason, its rule is not asked, and under another loss it is."""
    stub = Stub(findings=(finding(),), not_for={"wgan": "a critic has no such thing"})
    run = replace(RUN, meta={**RUN.meta, "loss_family": {"name": "wgan", "source": "given"}})
    diagnosis = diagnose(run, [stub, *DETECTORS])
    assert NotApplicable(code="stub", reason="a critic has no such thing") in diagnosis.not_applicable
    assert "stub" not in diagnosis.clean + tuple(n.code for n in diagnosis.not_assessed)
    assert diagnosis.findings == ()
    assert [f.code for f in diagnose(RUN, [stub, *DETECTORS]).findings] == ["stub"]


@pytest.mark.parametrize("group", ESSENTIAL, ids=" or ".join)
def test_a_rule_that_does_not_apply_leaves_no_run_undecided(group):
    """A whole group that does not apply is passed over."""
    diagnosis = diagnose(RUN, excluded(*group))
    assert (diagnosis.verdict, diagnosis.decided) == ("healthy", True)


def test_what_applies_must_have_been_looked_for():
    """One rule of a group does not apply, the other could not look: open. Nothing essential applies: open, too."""
    detectors = [
        replace(d, min_run_steps=10**9) if d.code == "sample-collapse" else d for d in excluded("mode-collapse")
    ]
    assert diagnose(RUN, detectors).verdict == "undecided"
    assert diagnose(RUN, excluded(*(code for group in ESSENTIAL for code in group))).verdict == "undecided"


def test_three_remedies_that_fit_the_loss_are_offered_cheapest_first():
    """The first three that fit are kept, then ordered by cost; equal costs stay in the order of the specification."""
    dear = remedy("dear", cost_level=3)
    wrong = remedy("critics-only", families=("wgan",)), remedy("not-here", not_for=("non-saturating",))
    cheap, same, left_out = remedy("cheap", cost_level=1), remedy("as-cheap", cost_level=1), remedy("fourth")
    (found,) = judged(replace(finding(), remedies=(wrong[0], dear, cheap, wrong[1], same, left_out))).findings
    assert found.remedies == (cheap, same, dear)


def test_unknown_losses_get_only_what_is_for_any():
    """A remedy for certain losses is not offered where the loss is not known."""
    run = replace(RUN, meta={**RUN.meta, "loss_family": {}})
    (found,) = diagnose(run, [Stub(findings=(finding(),))]).findings
    assert [r.name for r in found.remedies] == ["do-this"]


def test_provenance_holds_every_threshold():
    """With which values a run was judged."""
    changed, *others = sorted(DETECTORS, key=lambda d: d.code != "exploding-gradients")
    changed = replace(changed, ratio=12.0)
    thresholds = diagnose(RUN, [changed, *others]).provenance["thresholds"]
    assert thresholds["exploding-gradients"]["ratio"] == 12.0
    assert thresholds == {d.code: asdict(d) for d in (changed, *others)}


def test_other_thresholds_give_another_verdict():
    """A detector with replaced fields takes the place of the default one."""
    strict = next(replace(d, auc=0.6) for d in DETECTORS if d.code == "discriminator-dominance")
    assert [f.code for f in diagnose(RUN, [strict]).findings] == ["discriminator-dominance"]


def test_findings_refuse_what_cannot_be():
    """A spell that ends before it begins, and a severity that is none."""
    with pytest.raises(ValueError, match="last_step 10 lies before onset_step 20"):
        finding(onset=20, last=10)
    with pytest.raises(ValueError, match="got 'fatal'"):
        finding(severity="fatal")


def test_a_signal_ends_by_its_latest_interval():
    """Recorded at every step at first and at every hundredth later: its last value counts to the end."""
    run = synthetic.healthy(0, 1000)
    rows = run.scalars.copy()
    rows.loc[(rows.index > 100) & (rows.index % 150 != 0), "d/auc"] = np.nan
    run = replace(run, scalars=rows)
    stub = Stub()
    assert not diagnose(run, [stub]).not_assessed


def test_nobody_who_attached_is_told_to_attach():
    """What remains of the advice, and max_overhead= where a plan made records too rare."""
    run = synthetic.healthy(0, 1000)
    plan = {"rounds": dict.fromkeys(("outputs", "gradients", "points"), 8), "round_steps": 1}
    attached = replace(run, meta={**run.meta, "roles": {"generator": {}}, "plan": plan})
    how_to = "attach with gandiag.attach, or log the losses"
    (entry,) = diagnose(attached, [Stub(needs=("not/there",), how_to=how_to)]).not_assessed
    assert entry.how_to == "log the losses"
    (entry,) = diagnose(run, [Stub(needs=("not/there",), how_to=how_to)]).not_assessed
    assert entry.how_to == how_to
    (entry,) = diagnose(attached, [Stub(how_to=how_to, usable=False)]).not_assessed
    assert entry.how_to == "pass max_overhead=None, for a record of every round of the game"


def test_what_passed_by_itself_hands_out_no_advice():
    """A jump of gradients that was over after 20 steps is on record; what to do follows from what still holds."""
    run = synthetic.discriminator_overfitting()
    norms = run.scalars["grad/discriminator/norm"] * np.where(run.scalars.index.isin(range(500, 520)), 30.0, 1.0)
    diagnosis = diagnose(replace(run, scalars=run.scalars.assign(**{"grad/discriminator/norm": norms})))
    passed, lasting = diagnosis.findings
    assert (passed.code, passed.remedies) == ("exploding-gradients", ())
    assert (lasting.code, len(lasting.remedies)) == ("discriminator-overfitting", 3)


def test_advice_on_balance_says_what_is_known_of_mistakes_in_the_loop():
    """Looked for and none found; one not looked for, by name; and one found, where there is no such advice."""
    weak = synthetic.discriminator_too_weak()
    blind = replace(weak, scalars=weak.scalars.drop(columns="input/repeated"))
    still = replace(weak, scalars=weak.scalars.assign(**{"updates/discriminator": 0.0}))
    for run, said in ((weak, "none was found"), (blind, "see to repeated-latents"), (still, None)):
        (found,) = [f for f in diagnose(run).findings if f.code == "discriminator-too-weak"]
        advice = [r.change for r in found.remedies if r.balance]
        assert bool(advice) is (said is not None)
        assert all(said in change for change in advice)
        assert not found.remedies[0].balance


def test_advice_on_the_game_waits_for_what_was_found_in_the_loop():
    """Where nothing was, the story says so; where a mistake was, its repair stands first in every finding."""
    run = synthetic.discriminator_dominance()
    diagnosis = diagnose(run)
    assert set(diagnosis.checks.values()) == {"PASS"}
    assert diagnosis.checks.keys() == MISTAKES.keys()
    assert "The training loop was checked for" in diagnosis.story.sentence
    wrong = diagnose(replace(run, scalars=run.scalars.assign(**{"updates/generator": 0.0})))
    assert wrong.checks["not-learning"] == "FAIL"
    assert "The training loop was checked for" not in wrong.story.sentence
    assert {f.remedies[0].name for f in wrong.findings} == {"step-each-optimizer"}
    assert {f.code for f in wrong.findings} >= {f.code for f in diagnosis.findings}
    assert all(len(f.remedies) <= 3 for f in wrong.findings)
    suspected = diagnose(replace(run, scalars=run.scalars.assign(**{"pace/discriminator": 40.0})))
    assert suspected.checks["update-ratio"] == "WARN"
    assert {f.remedies[0].name for f in suspected.findings} == {"count-updates"}
    blind = diagnose(replace(run, scalars=run.scalars.drop(columns=["pull/agreement", "pull/apart"])))
    assert blind.checks["same-direction"] == "SKIP"
    assert Diagnosis.from_dict(json.loads(json.dumps(wrong.to_dict()))) == wrong

"""When a loop is told to stop: only under a policy, only for what the policy names, and from then on for good."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

import gandiag
from gandiag import synthetic
from gandiag.findings import Diagnosis, Finding
from gandiag.integrations.common import NotRecording
from gandiag.judge.diagnose import diagnose
from gandiag.judge.live import Judge
from gandiag.judge.policy import Policy
from gandiag.judge.stopping import Stop, StopPolicy
from gandiag.rundir.run import Run
from gandiag.testing import assert_unchanged

STEPS = 60


def finding(code="stub", severity="failure", onset=11, last=30, ongoing=True):
    return Finding(
        code=code,
        severity=severity,
        onset_step=onset,
        last_step=last,
        ongoing=ongoing,
        summary="something happened",
        evidence=(),
        mechanism="because",
        remedies=(),
        columns=(),
    )


@dataclass(frozen=True, kw_only=True)
class Stub:
    """A detector that finds one spell, as far as it was recorded."""

    code: str = "stub"
    needs: tuple[str, ...] = ("d/auc",)
    how_to: str = ""
    not_for: ClassVar[dict[str, str]] = {}
    min_run_steps: int = 1
    onset: int = 11
    end: int = 10**9

    def score(self, run):
        return run.series("d/auc")

    def __call__(self, run):
        last = min(self.end, run.last_step)
        return [finding(self.code, onset=self.onset, last=last, ongoing=self.end > run.last_step)] * (
            last >= self.onset
        )


def judged(policy, *findings):
    return policy.stop(Diagnosis(verdict="failing", findings=findings, last_step=30, last_healthy_step=10))


@pytest.mark.parametrize(
    ("policy", "stops"),
    [
        ({"for_steps": 20}, True),
        ({"for_steps": 21}, False),
        ({"for_steps": 0, "codes": ("stub",)}, True),
        ({"for_steps": 0, "codes": ["other", "stub"]}, True),
        ({"for_steps": 0, "codes": ("other",)}, False),
        ({"for_steps": 0, "severity": "info"}, True),
    ],
)
def test_code_and_duration_decide(policy, stops):
    """A failure that held from step 11 to 30 held for 20 steps."""
    assert (judged(StopPolicy(**policy), finding()) is not None) == stops


@pytest.mark.parametrize("bar", ["info", "warning", "failure"])
@pytest.mark.parametrize("severity", ["info", "warning", "failure"])
def test_severity_decides(severity, bar):
    """At the bar or above it."""
    stop = judged(StopPolicy(severity=bar, for_steps=0), finding(severity=severity))
    order = {"info": 0, "warning": 1, "failure": 2}
    assert (stop is not None) == (order[severity] >= order[bar])


def test_what_is_over_is_no_reason_to_stop():
    """However long it held; the next one that holds is."""
    over = finding(onset=1, last=25, ongoing=False)
    assert judged(StopPolicy(for_steps=0), over) is None
    assert judged(StopPolicy(for_steps=0), over, finding(code="later", onset=20)).code == "later"


def test_the_first_of_several_is_the_reason():
    """In causal order; by default those that held for 200 steps count."""
    policy = StopPolicy()
    assert policy.for_steps == 200
    first, second = finding("a", onset=1, last=200), finding("b", onset=2, last=200)
    assert judged(policy, second) is None
    assert judged(policy, first, second).code == "a"


def test_the_reason_is_a_sentence_with_code_onset_and_last_healthy_step():
    """What a log line needs."""
    stop = judged(StopPolicy(for_steps=0), finding(onset=1011, last=2010))
    assert stop.reason == "stub (failure) has held since step 1,011, for 1,000 steps; the last healthy step is 10"
    assert replace(stop, last_healthy_step=None).reason.endswith("; no step before it was healthy")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"codes": "non-finite"}, TypeError, "codes must be a tuple of codes .* got 'non-finite'"),
        ({"codes": (3,)}, TypeError, r"codes must be a tuple of codes .* got \(3,\)"),
        ({"severity": "fatal"}, ValueError, "severity must be one of info, warning, failure, got 'fatal'"),
        ({"for_steps": -1}, ValueError, "for_steps must be at least 0, got -1"),
        ({"for_steps": 1.5}, TypeError, "for_steps must be a whole number of steps, got 1.5"),
        ({"for_steps": True}, TypeError, "for_steps must be a whole number of steps, got True"),
    ],
)
def test_a_stop_policy_that_makes_no_sense_is_refused(arguments, error, message):
    """Which argument, what was given, what is expected."""
    with pytest.raises(error, match=message):
        StopPolicy(**arguments)


def test_an_unknown_code_is_refused_when_attaching(tmp_path):
    """A misspelt one would never stop; the code of a detector of one's own is known."""
    with pytest.raises(
        ValueError, match=r"stop_on .*codes: no failure is called 'mode-colapse'; did you mean mode-coll"
    ):
        gandiag.Callback(tmp_path / "run", stop_on=StopPolicy(codes=("mode-colapse",)))
    assert not (tmp_path / "run").exists()
    gandiag.Callback(tmp_path / "run", detectors=[Stub()], stop_on=StopPolicy(codes=("stub",))).close()


def test_live_judging_stops_at_the_first_judgement_that_the_policy_names():
    """On a collapse, judged every 100 steps: where the run as recorded up to there gives a reason, computed offline."""
    run = synthetic.mode_collapse(at=1500)
    policy = Policy(stop=StopPolicy(codes=("sample-collapse",), for_steps=300))
    steps = range(100, run.last_step + 1, 100)
    expected = [
        any(
            f.code == "sample-collapse" and f.severity == "failure" and f.ongoing and f.last_step - f.onset_step >= 299
            for f in diagnose(run.until(step), policy=Policy()).findings
        )
        for step in steps
    ]
    assert expected.index(True) > 15
    judge, stopped = Judge(None, every=100, policy=policy), []
    for step in steps:
        judge.judge(run.until(step))
        stopped.append(judge.stop is not None)
    assert stopped == [any(expected[: i + 1]) for i in range(len(steps))]
    assert judge.stop.step == steps[expected.index(True)]


def test_once_told_to_stop_it_stays():
    """The spell ends, a second one begins: the reason is still the first."""
    run = synthetic.healthy(steps=300)
    judge = Judge([Stub(end=200)], every=100, policy=Policy(stop=StopPolicy(for_steps=50)))
    judge.judge(run.until(100))
    first = judge.stop
    assert first == Stop(step=100, code="stub", severity="failure", onset_step=11, last_healthy_step=10)
    judge.judge(run)
    assert judge.diagnosis.verdict == "suspect"
    assert judge.stop is first


def train(folder, steps=STEPS, **options):
    """A run of so many steps on which the stub finds a failure from step 11 on."""
    options = {"detectors": [Stub()], "alerts": False} | options
    with gandiag.Callback(folder, **options) as callback:
        for _ in range(steps):
            callback.log({"d/auc": 0.9})
            callback.step()
    return callback


def test_without_a_policy_it_is_never_told_to_stop(tmp_path):
    """The diagnosis is there, and the last healthy step; nothing acts on it."""
    callback = train(tmp_path / "run")
    assert callback.diagnosis.verdict == "failing"
    assert (callback.should_stop, callback.stop_reason, callback.last_healthy_step) == (False, None, 10)


def test_with_a_policy_a_loop_reads_it_off_the_callback(tmp_path, caplog):
    """In code or from a file; it is logged, unless alerts are off, and stands in the events."""
    policy = StopPolicy(codes=("stub",), for_steps=50)
    callback = train(tmp_path / "code", stop_on=policy, alerts=True)
    assert callback.should_stop
    assert callback.stop_reason == "stub (failure) has held since step 11, for 50 steps; the last healthy step is 10"
    assert callback.last_healthy_step == 10
    assert f"the stop policy holds: {callback.stop_reason}" in caplog.text
    (event,) = [e for e in Run.open(tmp_path / "code").events if e["kind"] == "stop"]
    assert (event["step"], event["code"], event["onset_step"]) == (60, "stub", 11)

    (tmp_path / "stop.toml").write_text("[stop]\nfor_steps = 51\n")
    assert not train(tmp_path / "file", policy=tmp_path / "stop.toml").should_stop
    assert train(tmp_path / "longer", steps=61, policy=tmp_path / "stop.toml").should_stop


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Resumes a copy of a run that was told to stop, at step 60 because of what began at step 11."""
    import shutil

    folder = tmp_path_factory.mktemp("stopped")
    train(folder / "run", stop_on=StopPolicy(for_steps=50))

    def resumed(to, **options):
        shutil.copytree(folder / "run", to)
        return train(to, steps=0, resume=True, detectors=[], **options)  # nothing new is found

    return resumed


def test_a_resumed_run_is_still_to_stop(stopped, tmp_path):
    """From the first step on, and for the same reason, even when nothing finds it again; then resumed once more."""
    callback = stopped(tmp_path / "run", stop_on=StopPolicy(for_steps=50))
    assert callback.should_stop
    assert callback.stop_reason.startswith("stub (failure) has held since step 11, for 50 steps")
    again = gandiag.Callback(tmp_path / "run", resume=True, stop_on=StopPolicy(for_steps=50))
    assert again.should_stop
    again.close()


@pytest.mark.parametrize(
    "options",
    [
        {"stop_on": StopPolicy(for_steps=50), "start_step": 11},
        {"stop_on": StopPolicy(for_steps=50), "start_step": 60},
        {"stop_on": StopPolicy(for_steps=51)},
        {"stop_on": StopPolicy(codes=("non-finite",), for_steps=50)},
        {},
    ],
    ids=["gone back", "gone back one step", "a more patient policy", "a policy for another failure", "no policy"],
)
def test_what_was_superseded_or_is_no_reason_any_more_is_forgotten(options, stopped, tmp_path):
    """Going back to the last healthy step begins anew; a policy that would not have stopped does not stop."""
    assert not stopped(tmp_path / "run", **options).should_stop


def test_what_stands_in_for_a_callback_is_never_told_to_stop(tiny):
    """Before an adapter attaches, and in the unwatched trainings of `assert_unchanged`."""
    silent = NotRecording()
    assert (silent.should_stop, silent.stop_reason, silent.last_healthy_step) == (False, None, None)
    seen = []

    def loop(attach, steps):
        gan = tiny()
        callback = attach(gan.generator, gan.discriminator)
        for _ in range(steps):
            if callback.should_stop or callback.stop_reason or callback.diagnosis.findings:
                break
            gan.step()
        seen.append(callback.last_healthy_step)

    assert assert_unchanged(loop, steps=3, options={"alerts": False}).last_step == 3
    assert seen[:2] == [None, None]

"""Thresholds from files and from code: which counts, what is refused, and what a diagnosis says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import pytest
from click.testing import CliRunner

import gandiag
from gandiag import synthetic
from gandiag.cli.main import main
from gandiag.detectors import DETECTORS
from gandiag.judge.diagnose import diagnose
from gandiag.judge.doubts import ESSENTIAL
from gandiag.judge.live import Judge
from gandiag.judge.policy import Policy, read_policy
from gandiag.judge.policy_files import PolicyError
from gandiag.judge.stopping import StopPolicy
from gandiag.reports import sections
from gandiag.rundir.run import Run

RUN = synthetic.healthy()
BY_CODE = {d.code: d for d in DETECTORS}
COLLAPSE = BY_CODE["sample-collapse"]
WIDE = "failure_ratio = 0.1\nstay_ratio = 0.9\n"  # leaves room for any ratio between


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder that is the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def in_force(policy=None, detectors=None):
    """The detectors that judge, by code."""
    return {d.code: d for d in read_policy(policy).selection(detectors).detectors}


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.code)
def test_every_threshold_says_where_its_default_comes_from(detector):
    """A source of some words beside each field, none without."""
    assert fields(detector)
    for field in fields(detector):
        assert len(field.metadata["source"].strip()) > 5, field.name


def test_code_goes_before_the_file_before_pyproject_before_the_default(project):
    """Each threshold for itself; who set it is in the provenance, and the values are those that judged."""
    pyproject = write(
        project / "pyproject.toml",
        "[tool.gandiag.detectors.sample-collapse]\nratio = 0.41\nmin_steps = 61\nwindow_steps = 71\n" + WIDE,
    )
    write(project / "mine.toml", "[detectors.sample-collapse]\nratio = 0.42\nmin_steps = 62\n")
    coded = [replace(d, ratio=0.43) if d.code == "sample-collapse" else d for d in DETECTORS]
    provenance = diagnose(RUN, coded, policy="mine.toml").provenance
    used = provenance["thresholds"]["sample-collapse"]
    assert (used["ratio"], used["min_steps"], used["window_steps"]) == (0.43, 62, 71)
    assert used["grace_steps"] == COLLAPSE.grace_steps
    assert provenance["policy"]["thresholds"] == {
        "sample-collapse": {
            "ratio": "code",
            "min_steps": "mine.toml",
            **dict.fromkeys(("window_steps", "failure_ratio", "stay_ratio"), pyproject),
        }
    }
    assert provenance["policy"]["files"] == [pyproject, "mine.toml"]
    assert in_force("mine.toml")["sample-collapse"].ratio == 0.42
    assert in_force()["sample-collapse"].ratio == 0.41


def test_without_a_policy_the_defaults_judge_and_nothing_else_is_said(project):
    """No file, no entry."""
    assert read_policy() == Policy()
    assert tuple(in_force().values()) == DETECTORS
    assert "policy" not in diagnose(RUN).provenance


def test_pyproject_is_found_upwards_and_the_nearest_with_a_table_counts(project, monkeypatch):
    """One of another project in between, and one that does not parse but never names gandiag, are passed over."""
    write(project / "pyproject.toml", "[tool.gandiag.detectors.oscillation]\namplitude = 0.9\n")
    write(project / "a" / "pyproject.toml", "[tool.other]\ngandiag = 1\n[tool.ruff]\nline-length = 100\n")
    write(project / "a" / "b" / "pyproject.toml", "this is [ no TOML")
    monkeypatch.chdir(project / "a" / "b")
    assert in_force()["oscillation"].amplitude == 0.9
    write(project / "a" / "pyproject.toml", "[tool.gandiag.detectors.oscillation]\namplitude = 0.8\n")
    assert in_force()["oscillation"].amplitude == 0.8


def test_a_removed_current_directory_has_no_pyproject(project, monkeypatch):
    """A training that runs in a scratch folder somebody cleaned."""
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert read_policy() == Policy()


def test_a_policy_object_is_taken_as_it_is(project):
    """`Policy()` shuts out a pyproject.toml that would change something, or could not be read."""
    write(project / "pyproject.toml", "[tool.gandiag]\nnonsense = 1\n")
    assert tuple(in_force(Policy()).values()) == DETECTORS
    with pytest.raises(PolicyError):
        read_policy()


REFUSED = {
    "[detectors.sample-colapse]\nratio = 0.4": (
        "detectors.sample-colapse: no failure is called 'sample-colapse'; did you mean sample-collapse?"
    ),
    "[detectors.sample-collapse]\nratios = 0.4": (
        "detectors.sample-collapse.ratios is no threshold of sample-collapse; did you mean ratio"
    ),
    "[detectors.sample-collapse]\nxyz = 1": "xyz is no threshold of sample-collapse; expected one of enabled, ratio,",
    "[detectors.sample-collapse]\nratio = '0.4'": 'sample-collapse.ratio: found "0.4", expected a number',
    "[detectors.sample-collapse]\nratio = true": "sample-collapse.ratio: found true, expected a number",
    "[detectors.sample-collapse]\nratio = nan": "sample-collapse.ratio: found NaN, expected a number",
    "[detectors.sample-collapse]\nratio = inf": "sample-collapse.ratio: found Infinity, expected a number",
    f"[detectors.sample-collapse]\nratio = 1{'0' * 400}": "expected a number",
    "[detectors.sample-collapse]\nratio = -0.1": "detectors.sample-collapse: ratio must be at least 0, got -0.1",
    "[detectors.sample-collapse]\nratio = 0.99": (
        f"stay_ratio < 1, got {COLLAPSE.failure_ratio}, 0.99, {COLLAPSE.stay_ratio}"
    ),
    "[detectors.sample-collapse]\nmin_steps = 10.5": "sample-collapse.min_steps: found 10.5, expected a whole number",
    "[detectors.sample-collapse]\nenabled = 'no'": 'sample-collapse.enabled: found "no", expected true or false',
    "detectors = 3": "detectors: found 3, expected a table",
    "[detectors]\noscillation = 0.4": "detectors.oscillation: found 0.4, expected a table",
    "[detector.oscillation]\namplitude = 1": "detector is no setting; did you mean detectors?",
    "[tool.gandiag.stop]": "tool is no setting; expected one of detectors, stop",
    "[stop]\ncodes = ['sample-colapse']": (
        "stop.codes: no failure is called 'sample-colapse'; did you mean sample-collapse?"
    ),
    "[stop]\ncodes = 'oscillation'": "stop.codes must be a tuple of codes such as ('non-finite',), got 'oscillation'",
    "[stop]\nseverity = 'fatal'": "stop.severity must be one of info, warning, failure, got 'fatal'",
    "[stop]\nfor_steps = -1": "stop.for_steps must be at least 0, got -1",
    "[stop]\nfor_steps = 1.5": "stop.for_steps must be a whole number of steps, got 1.5",
    "[stop]\nfor_step = 1": "stop.for_step is no setting; did you mean for_steps?",
    "[stop]\nenabled = 0": "stop.enabled: found 0, expected true or false",
    "stop = false": "stop: found false, expected a table",
    "[stop\n": "not valid TOML: ",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda t: t[:60])
def test_what_makes_no_sense_is_one_sentence_with_file_key_found_and_expected(text, project):
    """A ValueError from code, exit 2 from the command line; a pyproject.toml is told by its own keys."""
    write(project / "mine.toml", text)
    with pytest.raises(PolicyError) as caught:
        read_policy("mine.toml")
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    assert REFUSED[text] in message
    assert len(message.splitlines()) == 1
    result = CliRunner().invoke(main, ["detectors", "--policy", "mine.toml"])
    assert (result.exit_code, result.stderr) == (2, f"gandiag: {message}\n")


def test_a_mistake_in_pyproject_is_told_with_its_own_key(project):
    """The whole path of the file, and the key as it stands there."""
    path = write(project / "pyproject.toml", "[tool.gandiag.detectors.oscillation]\namplitud = 1\n")
    with pytest.raises(PolicyError) as caught:
        diagnose(RUN)
    start = (
        f"{path}: tool.gandiag.detectors.oscillation.amplitud is no threshold of oscillation; did you mean amplitude"
    )
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"[tool.other]\n", r"has no table \[tool.gandiag\]"),
    ],
)
def test_a_file_that_is_no_policy_is_named(content, message, project):
    """Missing, binary, or the pyproject.toml of another project."""
    if content is not None:
        (project / "pyproject.toml").write_bytes(content)
    with pytest.raises(PolicyError, match=f"^pyproject.toml: {message}"):
        read_policy("pyproject.toml")


def test_arguments_of_another_type_are_refused(tmp_path):
    """Before anything is recorded."""
    with pytest.raises(TypeError, match=r"policy must be the path of a TOML file or a gandiag.Policy, got dict"):
        diagnose(RUN, policy={"detectors": {}})
    with pytest.raises(TypeError, match=r"stop_on must be a gandiag.StopPolicy, got str"):
        gandiag.Callback(tmp_path / "run", stop_on="failure")
    assert not (tmp_path / "run").exists()


def test_files_and_code_that_contradict_each_other_are_named_together(project):
    """Each may be fine on its own."""
    write(project / "pyproject.toml", f"[tool.gandiag.detectors.sample-collapse]\nratio = 0.3\n{WIDE}")
    write(project / "mine.toml", "[detectors.sample-collapse]\nfailure_ratio = 0.5\nratio = 0.55\n")
    write(project / "low.toml", "[detectors.sample-collapse]\nfailure_ratio = 0.4\n")
    assert in_force("mine.toml")["sample-collapse"].failure_ratio == 0.5
    with pytest.raises(PolicyError, match=r"low.toml: detectors.sample-collapse: need .* got 0.4, 0.3, 0.9"):
        read_policy("low.toml")
    with pytest.raises(
        PolicyError,
        match=r"mine.toml and .*pyproject.toml and code: detectors.sample-collapse: need .* got 0.5, 0.45, 0.9",
    ):
        diagnose(RUN, [replace(COLLAPSE, ratio=0.45)], policy="mine.toml")


def test_a_detector_that_is_switched_off_is_not_assessed_and_never_clean(project):
    """Not even on a run that has the failure; the entry names the file."""
    write(project / "off.toml", "[detectors.sample-collapse]\nenabled = false\n")
    collapsed = synthetic.mode_collapse()
    assert "sample-collapse" in {f.code for f in diagnose(collapsed).findings}
    for run in (collapsed, RUN):
        diagnosis = diagnose(run, policy="off.toml")
        assert "sample-collapse" not in {f.code for f in diagnosis.findings} | set(diagnosis.clean)
        (entry,) = [n for n in diagnosis.not_assessed if n.code == "sample-collapse"]
        assert entry.reason == "switched off by off.toml"
        assert diagnosis.provenance["policy"]["switched_off"] == {"sample-collapse": "off.toml"}
        assert "sample-collapse" not in diagnosis.provenance["thresholds"]


def test_what_one_file_switches_off_a_stronger_one_switches_on_again(project):
    """A policy file by `enabled = true`, code by changing the detector."""
    write(project / "pyproject.toml", "[tool.gandiag.detectors.oscillation]\nenabled = false\namplitude = 0.9\n")
    write(project / "on.toml", "[detectors.oscillation]\nenabled = true\n")
    assert "oscillation" not in in_force()
    assert in_force("on.toml")["oscillation"].amplitude == 0.9
    assert in_force(detectors=[replace(BY_CODE["oscillation"], envelope=0.9)])["oscillation"].envelope == 0.9


@pytest.mark.parametrize("group", ESSENTIAL, ids=" or ".join)
def test_no_run_is_healthy_whose_essential_detectors_are_switched_off(group, project):
    """Switching one of a group off leaves the verdict, switching off all of it does not."""
    tables = [f"[detectors.{code}]\nenabled = false\n" for code in group]
    write(project / "off.toml", "".join(tables))
    assert diagnose(RUN, policy="off.toml").verdict == "undecided"
    write(project / "off.toml", "".join(tables[1:]))
    assert diagnose(RUN, policy="off.toml").verdict == "healthy"


@dataclass(frozen=True, kw_only=True)
class Own:
    """A detector of the user's, with the code of one of ours."""

    code: str = "oscillation"
    needs: tuple[str, ...] = ("d/auc",)
    how_to: str = ""
    not_for: ClassVar[dict[str, str]] = {}
    min_run_steps: int = 1

    def score(self, run):
        return run.series("d/auc")

    def __call__(self, run):
        return [] if run.last_step else None


def test_detectors_of_the_users_own_are_left_alone(project):
    """Whatever a file says of ours."""
    write(project / "off.toml", "[detectors.oscillation]\nenabled = false\nmin_run_steps = 5\n")
    assert in_force("off.toml", [Own()]) == {"oscillation": Own()}
    assert diagnose(RUN, [Own()], policy="off.toml").clean == ("oscillation",)


def test_live_and_offline_judge_alike_under_a_policy(project):
    """The same diagnosis, provenance and all."""
    write(project / "mine.toml", "[detectors.discriminator-dominance]\nauc = 0.6\n[stop]\nfor_steps = 100\n")
    judge = Judge(None, every=100, policy=read_policy("mine.toml"))
    judge.judge(RUN)
    assert judge.diagnosis == diagnose(RUN, policy="mine.toml")
    assert [f.code for f in judge.diagnosis.findings] == ["discriminator-dominance"]
    assert judge.diagnosis.provenance["policy"]["stop"] == {
        "codes": (),
        "severity": "failure",
        "for_steps": 100,
        "set_by": ["mine.toml"],
    }


def test_attaching_refuses_a_broken_policy_and_reads_a_good_one_once(project):
    """Nothing is on disk after the refusal; what happens to the file during the training changes nothing."""
    write(project / "mine.toml", "[detectors.oscillation]\namplitud = 1\n")
    with pytest.raises(ValueError, match=r"mine.toml: detectors.oscillation.amplitud"):
        gandiag.Callback("run", policy="mine.toml")
    assert not (project / "run").exists()
    write(project / "mine.toml", "[detectors.oscillation]\namplitude = 0.75\n")
    with gandiag.Callback("run", policy="mine.toml", alerts=False) as callback:
        write(project / "mine.toml", "broken [")
        callback.log(lr=1.0)
        callback.step()
    assert callback.diagnosis.provenance["thresholds"]["oscillation"]["amplitude"] == 0.75
    assert Run.open("run").meta["faults"] == []
    kept = json.loads((project / "run" / "diagnosis.json").read_text())["provenance"]["policy"]
    assert kept == {"files": ["mine.toml"], "thresholds": {"oscillation": {"amplitude": "mine.toml"}}}


def test_attaching_reads_pyproject(project):
    """Of the current directory, without being told."""
    write(project / "pyproject.toml", "[tool.gandiag.detectors.oscillation]\namplitude = 0.75\n[tool.gandiag.stop]\n")
    with gandiag.Callback("run", alerts=False) as callback:
        callback.step()
    assert callback.diagnosis.provenance["thresholds"]["oscillation"]["amplitude"] == 0.75
    assert callback.diagnosis.provenance["policy"]["stop"]["for_steps"] == StopPolicy().for_steps


def test_stop_settings_are_layered_as_thresholds_are(project):
    """By field; `enabled = false` takes them back; code takes the place of all."""
    write(project / "pyproject.toml", "[tool.gandiag.stop]\ncodes = ['non-finite']\nfor_steps = 50\n")
    write(project / "mine.toml", "[stop]\nfor_steps = 60\n")
    write(project / "never.toml", "[stop]\nenabled = false\n")
    assert read_policy().stop == StopPolicy(codes=("non-finite",), for_steps=50)
    assert read_policy("mine.toml").stop == StopPolicy(codes=("non-finite",), for_steps=60)
    assert read_policy("never.toml").stop is None
    own = StopPolicy(severity="warning")
    assert (read_policy("never.toml", own).stop, read_policy("mine.toml", own).stop_from) == (own, ("code",))


def test_a_report_shows_the_policy(project):
    """In its provenance: the file, the threshold it set, and what is switched off."""
    write(project / "mine.toml", "[detectors.oscillation]\nenabled = false\n[detectors.divergence]\ndecades = 2.0\n")
    report = sections.build(RUN, diagnose(RUN, policy="mine.toml"))
    (table,) = [t for t in report.provenance if t.title == "Policy"]
    assert dict(table.rows) == {
        "files": '["mine.toml"]',
        "thresholds": "divergence.decades mine.toml",
        "switched_off": "oscillation mine.toml",
    }

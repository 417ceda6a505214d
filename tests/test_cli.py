"""The command line: exit codes, messages, and a start without heavy imports."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gandiag import synthetic
from gandiag.cli.main import main
from gandiag.detectors import DETECTORS
from gandiag.findings import Diagnosis
from gandiag.rundir.ending import this_process
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.run import Run

HEAVY = ("torch", "pandas", "sklearn", "matplotlib", "scipy", "pyarrow", "plotly", "typst", "rich")


def store(run, folder):
    """Write a synthetic run as a run directory."""
    recorder = Recorder(folder)
    frame = run.scalars
    recorder.append(frame.index.to_numpy(), np.zeros(len(frame)), {n: frame[n].to_numpy() for n in frame})
    recorder.write_meta(loss_family=run.meta["loss_family"])
    recorder.close()
    return str(folder)


def gandiag(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory):
    return store(synthetic.mode_collapse(at=1500), tmp_path_factory.mktemp("runs") / "collapsed")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return store(synthetic.healthy(), tmp_path_factory.mktemp("runs") / "healthy")


def modules_after(code):
    """Names of the heavy modules that are loaded after `code` ran in a fresh interpreter."""
    script = f"import sys\n{code}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split("\n")[-2].split())


def test_help_loads_nothing_heavy():
    """gandiag --help and the help of each command answer at once."""
    assert modules_after("from gandiag.cli.main import main\nmain(['--help'], standalone_mode=False)") == set()
    assert modules_after("import gandiag\ngandiag.__version__") == set()
    for command in main.commands:
        result = gandiag(command, "--help")
        assert result.exit_code == 0
        assert "Example: gandiag" in result.output


def test_reporting_and_diagnosing_load_no_torch(collapsed, tmp_path):
    """Judging and reporting run anywhere, without torch and sklearn."""
    loaded = modules_after(
        "from gandiag.cli.main import main\n"
        f"main(['diagnose', {collapsed!r}, '--json'], standalone_mode=False)\n"
        f"main(['report', {collapsed!r}, '--out', {str(tmp_path)!r}], standalone_mode=False)"
    )
    assert "pandas" in loaded
    assert not {"torch", "sklearn"} & loaded


def test_check_exits_by_the_verdict(collapsed, healthy, tmp_path):
    """0 healthy, 1 failing, 2 unreadable, 3 not enough to decide."""
    assert gandiag("check", healthy).exit_code == 0
    failing = gandiag("check", collapsed)
    assert failing.exit_code == 1
    assert "failure mode-collapse" in failing.output
    (tmp_path / "empty").mkdir()
    nothing = gandiag("check", tmp_path / "empty")
    assert nothing.exit_code == 2
    assert "holds no images" in nothing.stderr
    short = gandiag("check", store(synthetic.healthy(steps=5), tmp_path / "short"))
    assert short.exit_code == 3
    assert re.search(r"\n  Not assessed: \d+ kinds of failure, such as .*`gandiag diagnose \S+/short`", short.output)
    assert short.output.count("ot assessed") == 1


def test_check_tells_findings_first_and_what_was_not_assessed_in_one_line(tmp_path):
    """Of a failing run, by the command that lists it; JSON keeps every reason."""
    folder = tmp_path / "scores"
    recorder, run = Recorder(folder), synthetic.mode_collapse(at=1500)
    kept = {name: run.scalars[name].to_numpy() for name in run.scalars if name.startswith(("modes/", "diversity/"))}
    recorder.append(run.scalars.index.to_numpy(), np.zeros(len(run.scalars)), kept)
    recorder.close()
    told = gandiag("check", folder)
    _, *findings, last = told.output.splitlines()
    assert told.exit_code == 1
    assert all(line.startswith(("  failure ", "  warning ")) for line in findings)
    assert re.fullmatch(rf"  Not assessed: \d+ kinds of failure; `gandiag diagnose {folder}` lists them", last)
    reasons = json.loads(gandiag("check", folder, "--json").output)["targets"][0]["reasons"]
    assert sum(reason.startswith("not assessed ") for reason in reasons) > 3


def test_what_is_no_run_directory_is_called_what_it_is(collapsed, tmp_path):
    """A run without its run.json, one whose run.json is torn, a file, a folder of runs: 2, with what to do."""
    runs = tmp_path / "runs"
    for name in ("headless", "torn", "whole"):
        shutil.copytree(collapsed, runs / name)
    (runs / "headless" / "run.json").unlink()
    torn = runs / "torn" / "run.json"
    torn.write_text(torn.read_text()[:200])
    cases = {
        ("check", runs / "headless"): "no run.json in it, though the rest of a run is (scalars, ",
        ("diagnose", runs / "headless"): "it was deleted, or not copied along",
        ("diagnose", torn.parent): "torn/run.json: is damaged and cannot be read as JSON (line ",
        ("diagnose", runs / "whole" / "run.json"): "is a file, no run directory; name the folder that holds it",
        ("check", runs): f"holds run directories, such as torn; name each, or '{runs}/*'",
    }
    for arguments, said in cases.items():
        refused = gandiag(*arguments)
        assert (refused.exit_code, said in refused.stderr) == (2, True), refused.stderr
        assert "starting at" not in refused.stderr


def ended(folder, **meta):
    """A recorded run with this in its run.json."""
    path = Path(folder) / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | meta))
    return str(folder)


def gone_process():
    """What a run.json says of a process of this machine that was killed."""
    code = (
        "import json; from gandiag.rundir.ending import this_process; "
        "print(json.dumps(this_process()), flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        told = json.loads(process.stdout.readline())
        process.kill()
    return told


CRASHED = {"status": "crashed", "reason": "RuntimeError: CUDA out of memory"}


def test_a_training_that_broke_off_does_not_pass(tmp_path):
    """Crashed or killed, or nobody can tell: that is said, exit 3; --any-status goes by the findings alone."""
    folder = store(synthetic.healthy(), tmp_path / "run")
    gone = gone_process()
    killed = f"process {gone['pid']} ended without closing the run"
    for meta, status, reason in (
        (CRASHED, "crashed", CRASHED["reason"]),
        ({"status": "running", **gone}, "killed", killed),
        ({"status": "running", **this_process(), "pid_started": "1"}, "killed", "ended without closing the run"),
        ({"status": "running", **gone, "host": "elsewhere"}, "running", "may still be training or was killed"),
        ({"status": "running", **gone, "pid_namespace": "pid:[1]"}, "running", "may still be training or was killed"),
    ):
        ended(folder, **meta)
        result = gandiag("check", folder)
        assert result.exit_code == 3
        headline, sentence = result.output.splitlines()
        assert headline.startswith(f"gandiag check could not decide: healthy, 3,000 steps, {status}: ")
        assert headline.endswith(reason)
        assert "--any-status" in sentence
        assert gandiag("check", folder, "--any-status").exit_code == 0
        for command in ("check", "diagnose"):
            told = json.loads(gandiag(command, folder, "--json").output)
            if command == "check":
                told = told["targets"][0]["diagnosis"] | {k: told["targets"][0][f"status{k}"] for k in ("", "_reason")}
                told = {"status": told.pop(""), "reason": told.pop("_reason"), **told}
            assert told["status"] == status
            assert told["reason"].endswith(reason)
            assert Diagnosis.from_dict(told).verdict == "healthy"
        assert f"{status}: " in gandiag("diagnose", folder).output.splitlines()[0]


def test_what_a_healthy_record_lacks_is_said_where_it_passes(tmp_path):
    """A rank without a row and a gap do not make a run fail, and do not pass in silence, one target or several."""
    folder = store(synthetic.healthy(), tmp_path / "run")
    segments = json.loads((Path(folder) / "run.json").read_text())["segments"]
    ended(folder, segments=[segments[0] | {"world_size": 2}])
    (Path(folder) / "events.jsonl").write_text(
        json.dumps({"kind": "gap", "what": "scalars", "from_step": 3001, "to_step": 3009, "reason": "it fell behind"})
    )
    for targets in ([folder], [folder, folder]):
        result = gandiag("check", *targets)
        assert result.exit_code == 0
        assert "missing: rank 1, once at step 1: recorded nothing" in result.output
        assert "missing: steps 3,001 to 3,009 were not recorded: it fell behind" in result.output
    notes = json.loads(gandiag("check", folder, "--json").output)["targets"][0]["notes"]
    assert len(notes) == 2


def test_a_training_that_was_interrupted_is_no_crash_and_does_not_pass(tmp_path):
    """Ctrl-C, or a scheduler: it did not come to its end."""
    folder = ended(store(synthetic.healthy(), tmp_path / "run"), status="interrupted", reason="KeyboardInterrupt")
    result = gandiag("check", folder)
    assert result.exit_code == 3
    assert "healthy, 3,000 steps, interrupted: KeyboardInterrupt" in result.output.splitlines()[0]


def test_a_crashed_run_that_was_failing_fails(tmp_path):
    """What was found says more than how it ended."""
    folder = store(synthetic.mode_collapse(at=1500), tmp_path / "run")
    result = gandiag("check", ended(folder, **CRASHED))
    assert result.exit_code == 1
    assert "crashed: RuntimeError: CUDA out of memory" in result.output.splitlines()[0]


def test_a_living_training_is_judged_as_far_as_it_came(tmp_path):
    """Also one that was continued by another process than began it; its status is said."""
    folder = store(synthetic.healthy(), tmp_path / "run")
    ended(folder, **gone_process())
    recorder = Recorder(folder, resume=True)
    result = gandiag("check", folder)
    assert result.exit_code == 0
    assert result.output.strip().endswith(f"healthy, 3,000 steps, running: process {os.getpid()} is alive")
    recorder.close()
    assert gandiag("check", folder).output.strip().endswith("3,000 steps, closed")


def test_check_can_fail_on_warnings(tmp_path):
    """--fail-on warning turns a suspect run into a failing one."""
    suspect = store(synthetic.discriminator_dominance(), tmp_path / "suspect")
    assert gandiag("check", suspect).exit_code == 0
    assert gandiag("check", suspect, "--fail-on", "warning").exit_code == 1
    assert gandiag("check", suspect, "--fail-on", "anything").exit_code == 2


@contextmanager
def unread_output():
    """Standard output as a pipe whose reader has gone, as of `| head`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream, redirect_stdout(stream):
        yield


def test_a_reader_who_leaves_stops_no_command(tmp_path):
    """What is to be written is written, and a check exits by its verdict: 1 by a broken pipe would say failing."""
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(f'{{"step": {i}, "d_loss": 1.0, "g_loss": 2.0}}' for i in range(20)))
    with unread_output():
        main(["import", str(log), str(tmp_path / "theirs")], standalone_mode=False)
    assert Run.open(tmp_path / "theirs").last_step == 19
    healthy = store(synthetic.healthy(), tmp_path / "run")
    for options in ([], ["--json"]):
        with unread_output(), pytest.raises(SystemExit) as ended:
            main(["check", healthy, *options], standalone_mode=False)
        assert ended.value.code == 0


def test_json_output_is_json(collapsed):
    """check and diagnose print what a program can parse, findings with their evidence."""
    check = json.loads(gandiag("check", collapsed, "--json").output)
    assert (check["exit_code"], check["targets"][0]["diagnosis"]["verdict"]) == (1, "failing")
    diagnosis = json.loads(gandiag("diagnose", collapsed, "--json").output)
    assert {f["code"] for f in diagnosis["findings"]} == {"mode-collapse", "sample-collapse"}
    assert diagnosis["provenance"]["thresholds"]["mode-collapse"]["share"] == 0.87


def test_diagnose_tells_finding_evidence_and_remedy(collapsed):
    """What a person reads: verdict, onset, evidence, mechanism, remedies."""
    text = " ".join(gandiag("diagnose", collapsed).output.split())
    for part in ("FAILING", "mode-collapse", "from step 1,5", "evidence:", "try:", "PacGAN"):
        assert part in text


@pytest.fixture
def policy(tmp_path):
    """Writes a policy file and returns its path."""

    def write(text):
        (tmp_path / "policy.toml").write_text(text)
        return tmp_path / "policy.toml"

    return write


def test_detectors_lists_every_threshold_with_default_value_source_and_who_set_it(policy):
    """As JSON: the catalogue in its order, a changed threshold beside its default, a detector that is switched off."""
    path = policy("[detectors.divergence]\ndecades = 2\n[detectors.oscillation]\nenabled = false\n")
    listed = json.loads(gandiag("detectors", "--json", "--policy", path).output)
    assert [d["code"] for d in listed] == [d.code for d in DETECTORS]
    for entry, detector in zip(listed, DETECTORS, strict=True):
        assert (entry["needs"], entry["how_to"]) == (list(detector.needs), detector.how_to)
        assert entry["not_for"] == dict(detector.not_for)
        assert entry["switched_off_by"] == (str(path) if detector.code == "oscillation" else None)
        assert list(entry["thresholds"]) == [f.name for f in fields(detector)]
        for field in fields(detector):
            shown = entry["thresholds"][field.name]
            changed = (detector.code, field.name) == ("divergence", "decades")
            assert shown == {
                "default": field.default,
                "value": 2.0 if changed else field.default,
                "source": field.metadata["source"],
                "set_by": str(path) if changed else None,
            }


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_the_list_of_detectors_fits_the_terminal_and_loses_nothing(columns, policy, monkeypatch):
    """Every code, need, threshold and source is there, word by word, in lines no longer than the terminal."""
    monkeypatch.setenv("COLUMNS", str(columns))
    path = policy("[detectors.divergence]\ndecades = 2.25\n[detectors.oscillation]\nenabled = false\n[stop]\n")
    output = gandiag("detectors", "--policy", path).output
    assert max(len(line) for line in output.splitlines()) <= columns
    blocks = dict(zip([d.code for d in DETECTORS], output.split("\n\n"), strict=False))
    for detector in DETECTORS:
        words = set(blocks[detector.code].replace(",", " ").split())
        assert detector.code in words
        assert {name for need in detector.needs for name in need.split("|")} <= words
        for field in fields(detector):
            assert field.name in words
            assert {w for w in field.metadata["source"].replace(",", " ").split() if "/" not in w} <= words
    assert {"force", "2.25"} <= set(blocks["divergence"].split())
    assert "switched off by" in " ".join(blocks["oscillation"].split())
    assert "because of every failure: at severity failure or above, held for 200 steps" in " ".join(output.split())


def test_check_exits_by_the_policy(collapsed, healthy, policy):
    """A stricter one fails a healthy run, a laxer one passes a collapsed one; off is not clean; a broken one is 2."""
    strict = policy("[detectors.discriminator-dominance]\nauc = 0.51\n")
    assert gandiag("check", healthy, "--policy", strict, "--fail-on", "warning").exit_code == 1
    off = "[detectors.mode-collapse]\nenabled = false\n"
    assert gandiag("check", collapsed, "--policy", policy(off)).exit_code == 1
    lax = "[detectors.sample-collapse]\nratio = 0.0002\nfailure_ratio = 0.0001\n"
    assert gandiag("check", collapsed, "--policy", policy(off + lax)).exit_code == 3
    lax += "[detectors.mode-collapse]\nshare = 0.002\nfailure_share = 0.001\n"
    assert gandiag("check", collapsed, "--policy", policy(lax)).exit_code == 0
    path = policy(off + "[detectors.sample-collapse]\nenabled = false\n")
    undecided = gandiag("check", collapsed, "--policy", path)
    assert undecided.exit_code == 3
    assert f"not assessed sample-collapse: switched off by {path}" in undecided.output
    for command in ("check", "diagnose", "report"):
        broken = gandiag(command, collapsed, "--policy", policy("[detectors.sample-collapse]\nratio = 'low'\n"))
        assert broken.exit_code == 2
        assert broken.stderr.strip().endswith('sample-collapse.ratio: found "low", expected a number')
        assert broken.stdout == ""


def test_diagnose_and_report_judge_by_the_policy(collapsed, policy, tmp_path):
    """And say so: in the provenance, and among what was not assessed."""
    path = policy("[detectors.sample-collapse]\nenabled = false\n")
    diagnosis = json.loads(gandiag("diagnose", collapsed, "--json", "--policy", path).output)
    assert {f["code"] for f in diagnosis["findings"]} == {"mode-collapse"}
    assert diagnosis["provenance"]["policy"]["switched_off"] == {"sample-collapse": str(path)}
    assert f"switched off by {path}" in "".join(gandiag("diagnose", collapsed, "--policy", path).output.split("\n"))
    assert gandiag("report", collapsed, "--out", tmp_path, "--policy", path).exit_code == 0
    assert f"switched off by {path}" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.code)
def test_explain_prints_the_whole_specification(detector):
    """Every heading of the docstring is there."""
    result = gandiag("explain", detector.code)
    assert result.exit_code == 0
    for heading in ("Sees", "Why it happens", "Misses", "Try", "References"):
        assert heading in result.output


def test_a_misspelt_failure_is_answered_with_the_known_ones():
    """One sentence, exit 2."""
    result = gandiag("explain", "mode-colapse")
    assert result.exit_code == 2
    assert "no failure is called 'mode-colapse'; did you mean mode-collapse?" in result.stderr


def test_report_writes_both_files_and_names_them(collapsed, tmp_path):
    """HTML and PDF, where --out says."""
    result = gandiag("report", collapsed, "--out", tmp_path)
    assert result.output.split() == [str(tmp_path / "report.html"), str(tmp_path / "report.pdf")]
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_run_in_an_object_store_gets_its_report_there():
    """The same command for any fsspec path."""
    import fsspec

    store(synthetic.healthy(steps=300), "memory://command-line/run")
    assert gandiag("report", "memory://command-line/run").output.split()[0] == "memory://command-line/run/report.html"
    assert fsspec.open("memory://command-line/run/report.pdf").open().read(4) == b"%PDF"


@pytest.mark.parametrize("command", ["report", "diagnose", "check"])
def test_a_truncated_part_is_one_sentence_and_no_traceback(command, healthy, tmp_path):
    """The file is named; exit 2."""
    folder = tmp_path / "run"
    store(synthetic.healthy(steps=300), folder)
    part = next((folder / "scalars").iterdir())
    part.write_bytes(part.read_bytes()[:-200])
    result = gandiag(command, folder)
    assert result.exit_code == 2
    assert str(part) in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_empty_run_is_undecided_and_still_gives_a_report(tmp_path):
    """A run without a single step: nothing is healthy, nothing crashes."""
    Recorder(tmp_path / "run").close()
    assert gandiag("check", tmp_path / "run").exit_code == 3
    assert "UNDECIDED" in gandiag("diagnose", tmp_path / "run").output
    assert gandiag("report", tmp_path / "run").exit_code == 0


def test_an_unwritable_report_folder_is_one_sentence(collapsed, tmp_path):
    """A file where the folder should be."""
    (tmp_path / "file").write_text("")
    result = gandiag("report", collapsed, "--out", tmp_path / "file")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_what_the_record_lacks_is_told_everywhere(tmp_path):
    """In the terminal, as JSON, and as the reason why a check cannot decide."""
    folder = store(synthetic.healthy(), tmp_path / "run")
    event = {"kind": "gap", "from_step": 3001, "to_step": 9000, "reason": "recording fell behind"}
    (tmp_path / "run" / "events.jsonl").write_text(json.dumps(event) + "\n")
    sentence = "steps 3,001 to 9,000 were not recorded: recording fell behind"
    assert f"Missing: {sentence}" in " ".join(gandiag("diagnose", folder).output.split())
    assert json.loads(gandiag("diagnose", folder, "--json").output)["missing"] == [sentence]
    result = gandiag("check", folder)
    assert result.exit_code == 3
    assert f"missing: {sentence}" in result.output

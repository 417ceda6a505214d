"""Following runs while they grow: what a page is told, and the page itself in a browser, as docs/watch.md has it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import fsspec
import numpy as np
import pytest
from browsing import until
from click.testing import CliRunner

from gandiag import synthetic
from gandiag.cli.main import main
from gandiag.judge.policy import Policy
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.snapshots import encode
from gandiag.watch.following import Followed
from gandiag.watch.server import Watch

SECONDS = 180  # that a busy machine may take for an update


class Training:
    """A synthetic collapse at step 700 that is recorded a stretch at a time."""

    def __init__(self, folder, **options):
        self.rows = synthetic.mode_collapse(at=700, steps=1500).scalars
        self.recorder = Recorder(folder, **options)

    def train(self, first, last, *, sample=True):
        block = self.rows.loc[first:last]
        columns = {name: block[name].to_numpy() for name in block}
        self.recorder.append(block.index.to_numpy(), np.zeros(len(block)), columns)
        self.recorder.flush()
        if sample:
            self.recorder.sample(last, *encode(np.linspace(-1, 1, 256).reshape(4, 1, 8, 8)))


def followed(path):
    """A run that is looked at as often as a test asks for it."""
    run = Followed(str(path), Policy())
    run.rest = lambda *_: None
    return run


def test_a_run_is_followed_from_before_it_begins_until_it_is_resumed(tmp_path):
    """What is waited for is said; steps and findings come as they are written; an end is no end for good."""
    run = followed(tmp_path / "run")
    assert run.look()
    assert "does not exist yet" in run.view.state
    (tmp_path / "run").mkdir()
    assert run.look()
    assert "holds no run yet" in run.view.state
    training = Training(tmp_path / "run")
    assert run.look()
    assert "A training has begun" in run.view.state
    training.train(1, 600)
    assert run.look()
    assert (run.view.run.last_step, run.view.alerts) == (600, ())
    assert run.view.state == "Training."
    assert not run.look(), "nothing is new"
    training.train(601, 1200)
    assert run.look()
    assert run.view.diagnosis.verdict == "failing"
    assert {alert.text.split()[0] for alert in run.view.alerts} >= {"mode-collapse"}
    told = len(run.view.alerts)
    training.recorder.close()
    assert run.look()
    assert run.view.state == "The training has ended (closed); if it is resumed, this goes on."
    again = Training(tmp_path / "run", resume=True)
    again.train(1201, 1500)
    assert run.look()
    assert (run.view.run.last_step, run.view.state) == (1500, "Training.")
    assert len(run.view.alerts) == told, "what went on is no news"
    again.recorder.close()


def test_what_was_seen_stays_while_a_directory_cannot_be_read(tmp_path):
    """A damaged run.json is said, and the page goes on where it can be read again."""
    training = Training(tmp_path)
    training.train(1, 300)
    run = followed(tmp_path)
    run.look()
    good = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text('{"schema": ')
    assert run.look()
    assert run.view.state.startswith("Cannot be read at the moment")
    assert run.view.run.last_step == 300
    (tmp_path / "run.json").write_text(good)
    assert run.look()
    assert run.view.state == "Training."


def test_a_training_that_is_killed_is_known_although_no_file_changes(tmp_path):
    """The process is looked for, not only its files."""
    code = (
        "import sys, numpy as np; from gandiag.rundir.recorder import Recorder; r = Recorder(sys.argv[1]);"
        "r.append(np.arange(1, 50), np.zeros(49), {'d/auc': np.full(49, 0.7)}); r.flush(); print('ready', flush=True);"
        "input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        run = followed(tmp_path / "run")
        run.look()
        assert run.view.state == "Training."
        process.kill()
        process.wait()
    assert run.look()
    assert "killed" in run.view.state


def test_remote_directories_are_followed_too():
    """Any fsspec file system, though it keeps listings."""
    training = Training("memory://watched/run")
    training.train(1, 300)
    run = followed("memory://watched/run")
    assert run.look()
    training.train(301, 400)
    assert run.look()
    assert run.view.run.last_step == 400
    fsspec.filesystem("memory").rm("/watched", recursive=True)


def test_pages_show_hostile_texts_as_texts(tmp_path):
    """In the report, among several runs, and while a run is waited for; the stream is one line of JSON."""
    hostile = "<script>alert(1)</script>"
    training = Training(tmp_path / "a")
    training.train(1, 300)
    training.recorder.write_meta(id=hostile, hyperparameters={hostile: hostile}, status="crashed", reason=hostile)
    runs = [followed(tmp_path / "a"), followed(f"{tmp_path}/<img src=x>\n\ndata: evil")]
    for run in runs:
        run.look()
    watch = Watch(runs)
    for page in (watch.page(None), watch.page(0), watch.page(1)):
        assert hostile not in page
        assert "<img src=x>" not in page
        assert "<script>" not in page, "no script stands in a page of the server"
    assert "\n" not in watch.state()
    assert json.loads(watch.state())["versions"] == [1, 1]


def test_nothing_is_read_for_nobody(tmp_path):
    """Without an open page a run is looked at once, so that watching costs a training nothing."""
    run = followed(tmp_path)
    looks = []
    run.look = lambda: looks.append(1)
    watch = Watch([run])
    waits = iter([False] * 5 + [True])
    watch.over.wait = lambda _: next(waits)
    watch.follow()
    assert len(looks) == 1


def test_the_command_refuses_in_one_sentence(tmp_path):
    """A path that cannot be opened, and a port that is taken."""
    import socket

    result = CliRunner().invoke(main, ["watch", "no-such-protocol://x"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["watch", str(tmp_path), "--port", str(port)])
    assert result.exit_code == 2
    assert f"port {port} of 127.0.0.1 cannot be had" in result.stderr


@pytest.fixture
def watching(tmp_path):
    """`gandiag watch` of a run that is to come, as a process, and the address of its page."""
    command = [sys.executable, "-m", "gandiag", "watch", str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = process.stdout.readline()
        yield process, re.search(r"http://127\.0\.0\.1:\d+", said)[0]
        process.kill()


@pytest.mark.slow
def test_a_page_shows_steps_and_findings_recorded_after_it_was_opened(watching, browser, tmp_path):
    """The page is never loaded again; a zoom and an opened fold survive; nothing leaves; SIGTERM ends it with 0."""
    process, address = watching
    seen = []
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.on("console", lambda m: seen.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda r: seen.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None)
    page.goto(address)
    page.evaluate("window.untouched = true")
    until(page, "document.body.innerText.includes('does not exist yet')", SECONDS)
    training = Training(tmp_path / "run")
    training.train(1, 600)
    until(page, "document.body.innerText.includes('600 steps')", SECONDS)
    page.locator("#all > summary").click()
    page.wait_for_selector("#all .plot .main-svg")
    training.train(601, 1500)
    until(page, "document.title.startsWith('Failing')", SECONDS)
    page.wait_for_selector("#alerts p:has-text('mode-collapse')")
    assert page.locator("article.card code", has_text="mode-collapse").count()
    assert "1,500 steps" in page.inner_text("header")
    assert page.locator("#all[open]").count() == 1
    ends = "[...document.querySelectorAll('#all .plot')].filter((p) => p.data).map((p) => p.data[0].x.at(-1))"
    page.locator("#all .plot").first.scroll_into_view_if_needed()
    until(page, f"Math.max(...{ends}) === 1500", SECONDS)
    assert page.evaluate("window.untouched")
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "evil.example"}))  # noqa: S310 - ours
    training.recorder.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert process.stdout.read() == ""
    until(page, "document.body.innerText.includes('has been stopped')", SECONDS)
    page.close()
    assert [text for text in seen if "ERR_CONNECTION_REFUSED" not in text and "ERR_INCOMPLETE" not in text] == []


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_in_the_terminal_changes_are_lines_where_the_output_is_no_terminal(tmp_path):
    """`--terminal` into a file: a line for each change, and Ctrl-C ends it with 0."""
    Training(tmp_path / "run").train(1, 1500)
    command = [sys.executable, "-m", "gandiag", "watch", "--terminal", str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stdout.read() == ""
    assert "failing, step 1,500" in said
    assert "mode-collapse from step" in said

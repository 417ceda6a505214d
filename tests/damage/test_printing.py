"""Whatever stands in a run directory: what is printed steers no terminal, is bounded, and comes at once."""

from __future__ import annotations

import json
import os
import re

import pandas as pd
import pytest
from click.testing import CliRunner

from gandiag.cli.main import main
from gandiag.wording import UNSEEN, shown

NASTY = "\x1b]0;owned\x07\x1b[2J \u202e \x9b31m \ud800 \0 [/bold] [red] $x^$ <script>"
LONG = "x" * 50_000


def run(*arguments):
    """A command's result; anything but an exit code is an error."""
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False, env={"COLUMNS": "1000"})


def meta(folder, **changes):
    """Change run.json."""
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def nasty(folder):
    """A run that says something evil wherever text may stand."""
    fault = {"where": f"a {NASTY}", "message": f"b {NASTY}\nfake: healthy", "count": 1}
    meta(folder, status="crashed", reason=f"c {NASTY}", faults=[fault], id=NASTY, hyperparameters={NASTY: NASTY},
         roles={NASTY: {}}, loss_family={"name": "minimax", "source": NASTY})  # fmt: skip
    with (folder / "events.jsonl").open("a") as file:
        gap = {"kind": "gap", "what": "scalars", "from_step": 3, "to_step": 4, "reason": NASTY}
        file.write(f"{json.dumps(gap)}\n{json.dumps({'kind': 'warning', 'message': NASTY})}\n")
    part = min((folder / "scalars").iterdir())
    named = NASTY.replace("\ud800", "").replace("\0", "")
    pd.read_parquet(part).assign(**{named: 1.0, f"{named}2": range(300)}).to_parquet(part, index=False)
    return folder


@pytest.mark.parametrize("command", [("check",), ("check", "--format", "github"), ("diagnose",), ("report",)])
def test_no_character_that_steers_a_terminal_gets_out(nasty, command):
    """ESC and its kin, bidirectional marks, lone surrogates: escaped, and no line is forged."""
    done = run(*command, nasty)
    assert done.exit_code in (0, 3), done.output
    assert not UNSEEN.search(done.output.replace("\n", ""))
    assert not re.search(r"^\s*fake: healthy", done.output, re.MULTILINE)
    if command[0] != "report":
        assert r"\x1b]0;owned" in done.output


def test_json_for_programs_is_ascii_and_whole(nasty):
    """Nothing is left out of what programs read."""
    for command in ("check", "diagnose"):
        done = run(command, nasty, "--json")
        assert done.output.isascii()
        told = json.loads(done.output)
        assert (told["targets"][0]["status_reason"] if command == "check" else told["reason"]) == f"c {NASTY}"


def test_the_report_escapes_it_too(nasty):
    """The HTML and the PDF are written, and hold no such character."""
    from pypdf import PdfReader

    assert run("report", nasty).exit_code == 0
    page = (nasty / "report.html").read_text(encoding="utf-8")
    body = page[page.index("<body") : page.index("plotly", page.index("<body"))]
    assert not UNSEEN.search(body.replace("\n", ""))
    assert r"\x1b]0;owned\x07" in page
    assert "\x1b" not in "".join(sheet.extract_text() for sheet in PdfReader(nasty / "report.pdf").pages)


@pytest.mark.parametrize("command", ["check", "diagnose", "report"])
def test_words_without_end_are_shortened(folder, command):
    """50,000 letters took rich 41 seconds."""
    faults = [{"where": f"{i}{LONG}", "message": LONG} for i in range(150)]
    meta(folder, reason=LONG, faults=faults, hyperparameters={LONG: LONG})
    done = run(command, folder)
    assert done.exit_code in (0, 3)
    assert len(done.output) < 500_000
    assert max(map(len, re.findall(r"x+", done.output)), default=0) <= 2000


def test_a_fault_of_ours_is_one_sentence(folder, monkeypatch):
    """Exit 2, without a traceback unless it is asked for."""

    def broken(*_, **__):
        raise EOFError("ours\nand more")

    monkeypatch.setattr("gandiag.judge.diagnose.diagnose", broken)
    done = run("diagnose", folder)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    said = r"a fault of gandiag's own \(EOFError in test_printing\.py, line \d+: ours and more\)"
    assert re.search(said, done.stderr)
    monkeypatch.setitem(os.environ, "GANDIAG_TRACEBACK", "1")
    assert "Traceback" in run("diagnose", folder).stderr


def test_a_text_that_is_harmless_stays_as_it_is():
    """Letters of all languages, line ends, tabs, emoji."""
    text = "naïve Ωμέγα שלום 漢字 🙂\n\tcode"
    assert shown(text) == text

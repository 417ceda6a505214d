"""What the README and docs/gate.md say is so: a newcomer's path, the policy, the table of rules."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner

import gandiag
from gandiag.cli.main import main
from gandiag.gate.rules import RULES

ROOT = Path(__file__).parents[2]
README, PAGE = ((ROOT / name).read_text() for name in ("README.md", "docs/gate.md"))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(world, tmp_path, monkeypatch):
    """Somebody's project: model.py, real images in data/test, a checkpoint; returns what saves one of a bank."""
    module = (world / "bank_model.py").read_text().replace("z[:, 1:]", "z[:, 1:65]")
    (tmp_path / "model.py").write_text(module)
    shutil.copytree(world / "pngs", tmp_path / "data" / "test")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "model", raising=False)
    content = torch.load(world / "ema.pt", weights_only=True)

    def save(bank, name="ckpt.pt"):
        torch.save(content["generator" if bank == "healthy" else "g_ema"], tmp_path / name)

    return save


@pytest.mark.parametrize(("bank", "code"), [("healthy", 0), ("collapsed", 1)])
def test_a_newcomer_gets_a_red_build_in_ten_lines(project, bank, code):
    """The workflow of the README on a checkpoint and a folder of real images."""
    chapter = README.partition("## Fail a build")[2].partition("\n## ")[0]
    workflow = blocks(chapter, "yaml")[0]
    lines = [line for line in workflow.splitlines() if not line.startswith("#")]
    assert len(lines) <= 10
    (step,) = [s for s in yaml.safe_load(workflow)["jobs"]["gate"]["steps"] if "gandiag" in s["uses"]]
    project(bank)
    given = step["with"]
    found = CliRunner().invoke(main, ["check", given["targets"], *shlex.split(given["arguments"]), "--n", "1500"])
    assert found.exit_code == code, found.output
    assert f"check {shlex.join(shlex.split(given['targets']))} {given['arguments']}" in chapter


def test_the_python_of_the_page_runs(project, monkeypatch):
    """The fixture in a test lets the good checkpoint pass; of a series the collapse is told, here of fewer samples."""
    project("healthy")
    project("healthy", "ckpt_1.pt")
    project("collapsed", "ckpt_2.pt")
    fewer = partial(gandiag.check, n=1500)
    monkeypatch.setattr(gandiag, "check", fewer)
    names = {"gandiag": gandiag, "build": import_module("model").build}
    in_a_test, in_code = blocks(PAGE, "python")
    exec(in_a_test, names)  # noqa: S102 - the page's own code
    names["test_generator"](fewer)
    exec(in_code, names)  # noqa: S102 - as above
    assert names["found"].exit_code == 1
    assert names["found"].series


def test_the_workflows_and_commands_of_the_page_can_be_read():
    """YAML is YAML, and the command line takes each command as it stands."""
    for text in blocks(PAGE, "yaml"):
        assert yaml.safe_load(text)
    for text in blocks(PAGE, "console"):
        for line in text.splitlines():
            program, name, *arguments = shlex.split(line)
            assert (program, name) == ("gandiag", "check")
            main.commands["check"].make_context("check", arguments)


def test_the_page_lists_every_rule_with_its_failure():
    """In the order of the catalogue; those that warn say so."""
    rows = re.findall(r"^\| `([a-z-]+)`( \(warns\))? \| ([a-z-]+) \|", PAGE, flags=re.MULTILINE)
    assert rows == [(r.name, " (warns)" if r.level == "warn" else "", r.code) for r in RULES]


def test_the_policy_of_the_page_is_one(tmp_path, monkeypatch):
    """As it stands there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strict.toml").write_text(blocks(PAGE, "toml")[0])
    shown = CliRunner().invoke(main, ["check", "--show-policy", "--policy", "strict.toml"])
    assert shown.exit_code == 0
    assert "tight-modes until 2030-12-31: known, see the changelog" in shown.output


def test_the_options_of_the_page_exist():
    """Of every command that is shown."""
    known = {option for parameter in main.commands["check"].params for option in parameter.opts}
    for text in (PAGE, README.partition("## Fail a build")[2].partition("\n## ")[0]):
        for line in re.findall(r"gandiag check .*", text):
            assert set(re.findall(r"(?<!\w)--[a-z-]+", line)) <= known | {"--any-status"}

"""What people read and copy: the notebook runs, examples are true, the README names what exists."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import gandiag
from gandiag.cli import main
from gandiag.detectors import DETECTORS

ROOT = Path(__file__).parent.parent
MODULES = ["gandiag", *(m.name for m in pkgutil.walk_packages(gandiag.__path__, "gandiag."))]
MODULES += [
    ".".join(("gandiag", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for folder in ("detectors", "reports")  # mapped, so that pkgutil does not walk them
    for path in sorted((ROOT / folder).rglob("*.py"))
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    """Doctests of every module, by name: the mapped folders are not collected by --doctest-modules."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_public_things_say_what_they_are(name):
    """Every module, public class and public function has a docstring."""
    module = importlib.import_module(name)
    assert module.__doc__
    for key, value in vars(module).items():
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", None) == name:
            assert value.__doc__, f"{name}.{key}"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_quickstart_notebook_runs_and_finds_the_collapse():
    """From the first cell to the last, in its own kernel."""
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "stored without outputs"
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(ROOT / "notebooks")}}).execute()
    printed = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert "failing - last healthy step" in printed
    assert "failure mode-collapse from step" in printed
    assert "failure sample-collapse from step" in printed


def test_the_code_of_the_page_on_dynamics_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    """A loop that saves two checkpoints, and each instrument on them."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "dynamics.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    for block in code:
        exec(compile(block, "docs/dynamics.md", "exec"), names)  # noqa: S102 - the page's own code
    assert capsys.readouterr().out.count("\n") >= 3
    assert names["path"].signature.kind in ("attraction", "rotation", "mixture", "undecided")
    assert len(names["spectrum"].eigenvalues) == names["spectrum"].weights == 75
    assert names["gap"].gap == names["gap"].worst_discriminator - names["gap"].worst_generator > 0


def test_the_readme_names_every_failure_and_command():
    """The table of codes is the catalogue; the commands exist."""
    text = (ROOT / "README.md").read_text()
    found = text.partition("## What is found")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", found, flags=re.MULTILINE)) == {d.code for d in DETECTORS}
    named = set(re.findall(r"^gandiag ([a-z]+)", text, flags=re.MULTILINE)) | {"demo"}
    assert named == set(main.commands)


def test_the_readmes_bench_table_is_the_one_of_the_document():
    """Made by `gandiag zoo bench`, copied by benchmarks/readme_table.py."""
    blocks = [(ROOT / name).read_text() for name in ("README.md", "docs/bench.md")]
    readme = blocks[0].partition("<!-- bench -->")[2].partition("<!-- /bench -->")[0].strip()
    made = blocks[1].partition("## evaluation + unseen")[2].partition("\n## ")[0].strip()
    assert readme == made
    assert all(f"`{d.code}`" in readme for d in DETECTORS)


def test_each_default_threshold_is_a_field_with_its_unit_in_the_name():
    """Windows and durations count steps, and say so."""
    from dataclasses import fields

    for detector in DETECTORS:
        for field in fields(detector):
            assert "window" not in field.name or field.name.endswith(("_steps", "_windows")), field.name

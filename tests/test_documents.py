"""What people read and copy: examples are true, pages do what they say, the README names what exists."""

from __future__ import annotations

import configparser
import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_cli import store

import gandiag
from benchmarks.accuracy_table import table
from gandiag import synthetic
from gandiag.cli.main import main
from gandiag.detectors import DETECTORS
from gandiag.rundir.run import Run

ROOT = Path(__file__).parent.parent
MODULES = ["gandiag", *(m.name for m in pkgutil.walk_packages(gandiag.__path__, "gandiag."))]
MODULES += [
    ".".join(("gandiag", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for folder in ("detectors", "reports")  # mapped, so that pkgutil does not walk them
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def blocks(text, language):
    """The code blocks of a page in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


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
    """It and the table of codes have the whole catalogue; the commands exist."""
    text = (ROOT / "README.md").read_text()
    found = text.partition("## What is found")[2].partition("Findings are linked")[0]
    assert set(re.findall(r"`([a-z-]+)`", found)) == {d.code for d in DETECTORS}
    rows = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "failures.md").read_text(), flags=re.MULTILINE)
    assert rows == list(dict.fromkeys(rows))
    assert set(rows) == {d.code for d in DETECTORS}
    named = set(re.findall(r"(?:^|`)gandiag ([a-z]+)", text, flags=re.MULTILINE)) | {"demo"}
    assert named == set(main.commands)


def test_the_table_of_accuracy_is_the_one_of_the_bench():
    """As `python -m benchmarks.accuracy_table` copies it; what the last bench had not seen says so."""
    pages = [(ROOT / "docs" / name).read_text() for name in ("accuracy.md", "bench.md")]
    shown = pages[0].partition("<!-- bench -->")[2].partition("<!-- /bench -->")[0].strip()
    assert shown == table(pages[1]).strip()
    assert {d.code for d in DETECTORS} <= set(re.findall(r"^\| `([a-z-]+)` \|", shown, flags=re.MULTILINE))


def test_the_index_explains_every_extra():
    """In its table, under Install."""
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg")
    chapter = (ROOT / "docs" / "index.md").read_text().partition("## Install")[2].partition("\n## ")[0]
    listed = {
        name for row in re.findall(r"^\| (`.+?`) \|", chapter, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == set(options["options.extras_require"])


def test_a_detector_newer_than_the_bench_has_a_row_that_says_so():
    """Below those of the bench, above the baselines."""
    bench = (ROOT / "docs" / "bench.md").read_text()
    older = "".join(line for line in bench.splitlines(keepends=True) if not line.startswith("| `stagnation` |"))
    found = table(older).splitlines()
    at = found.index("| `stagnation` | not in the last bench | – | – |")
    regression, alarm = (next(i for i, row in enumerate(found) if head in row) for head in ("`quality-r", "Loss alarm"))
    assert regression < at < alarm


def test_each_default_threshold_is_a_field_with_its_unit_in_the_name():
    """Windows and durations count steps, and say so."""
    from dataclasses import fields

    for detector in DETECTORS:
        for field in fields(detector):
            assert "window" not in field.name or field.name.endswith(("_steps", "_windows")), field.name


def test_the_page_on_policies_does_what_it_says(tiny, tmp_path, monkeypatch):
    """Files are written as shown, commands end as they should, and the Python of both chapters runs in order."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "policy.md").read_text()
    for toml in blocks(text, "toml"):
        Path(toml.splitlines()[0].removeprefix("# ")).write_text(toml)
    store(synthetic.mode_collapse(), tmp_path / "runs" / "dcgan")
    for line in blocks(text, "console")[0].splitlines():
        result = CliRunner().invoke(main, line.split()[1:])
        assert result.exit_code == (1 if "check" in line else 0), result.output

    gan = tiny()
    seen = {
        "generator": gan.generator,
        "discriminator": gan.discriminator,
        "loader": range(20),
        "train_step": lambda _: gan.step(),
    }
    in_code, guarded, go_back = blocks(text, "python")[:3]
    exec(in_code, seen)  # noqa: S102 - the page's own code
    assert seen["diagnosis"].provenance["thresholds"]["sample-collapse"]["ratio"] == 0.45
    policy = seen["diagnosis"].provenance["policy"]
    assert policy["files"] == [str(tmp_path / "pyproject.toml"), "strict.toml"]
    assert policy["thresholds"]["sample-collapse"] == {"ratio": "code", "stay_ratio": "strict.toml"}
    exec(guarded, seen)  # noqa: S102 - as above
    exec(go_back, seen)  # noqa: S102 - as above
    first, second = Run.open("runs/guarded").meta["segments"]
    assert (first["start_step"], second["start_step"]) == (1, seen["step"] + 1)


class Told:
    """Stands in for an adapter whose callback is told to stop at its third question."""

    def __init__(self):
        self.callback, self.asked = self, 0

    @property
    def should_stop(self):
        self.asked += 1
        return self.asked == 3


def test_an_engine_of_ignite_ends_by_the_line_of_the_page():
    """In the iteration after which it is told to."""
    from ignite.engine import Engine, Events

    trainer = Engine(lambda *_: None)
    line = blocks((ROOT / "docs" / "policy.md").read_text(), "python")[4]
    exec(line, {"trainer": trainer, "Events": Events, "watch": Told()})  # noqa: S102 - the page's own code
    assert trainer.run(range(10), max_epochs=2).iteration == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_fit_of_lightning_ends_by_the_lines_of_the_page(tmp_path):
    """In the training step in which it is told to."""
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from torch.utils.data import DataLoader

    lines = blocks((ROOT / "docs" / "policy.md").read_text(), "python")[3]
    watch = Told()

    class Module(LightningModule):
        automatic_optimization = False

        def training_step(self, *_):
            exec(lines, {"self": self, "watch": watch})  # noqa: S102 - the page's own code

        def configure_optimizers(self):
            return None

    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=2,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(Module(), DataLoader(torch.zeros(10, 1)))
    assert watch.asked == 3

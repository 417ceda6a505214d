"""Every block of code that people may copy is run, here or by a test that is named, or says why it is not."""

from __future__ import annotations

import re
import shlex

import pytest
import torch
from click.testing import CliRunner
from pages import PAGES, ROOT, blocks
from test_cli import store
from torch import nn

import gandiag
from gandiag import synthetic
from gandiag.cli.main import main

ELSEWHERE = {  # page, and heading where not all of it: the test that runs its blocks
    ("README.md", "Fail a build when a checkpoint has collapsed"): "tests/gate/test_gate_documents.py",
    ("docs/attach.md", "Lightning, Ignite, Accelerate"): "tests/integrations/test_attach_page.py",
    ("docs/attach.md", "Without torch"): "tests/integrations/test_attach_page.py",
    ("docs/compare.md", ""): "tests/compare/test_compare.py",
    ("docs/dynamics.md", ""): "tests/test_documents.py",
    ("docs/gallery.md", ""): "tests/mistakes/gallery.py",
    ("docs/gate.md", ""): "tests/gate/test_gate_documents.py",
    ("docs/policy.md", ""): "tests/test_documents.py",
    ("docs/watch.md", ""): "tests/watch/test_watch.py",
    ("README.md", "Runs that were trained without gandiag"): "tests/logs/test_export.py",
    ("docs/import.md", ""): "tests/logs/test_export.py",
    ("docs/querying.md", ""): "tests/logs/test_export.py",
    ("docs/sinks.md", ""): "tests/logs/test_export.py",
}
EVERY = [block for page in PAGES for block in blocks(page)]


def elsewhere(block):
    return ELSEWHERE.get((block.page, block.heading)) or ELSEWHERE.get((block.page, ""))


HERE = [block for block in EVERY if block.reason is None and elsewhere(block) is None]


class Loader:
    """Trains one step of a tiny GAN for each batch, so that `...` in a block stands for a loop that trains."""

    def __init__(self, gan, steps=20):
        self.gan, self.steps = gan, steps

    def __iter__(self):
        for _ in range(self.steps):
            self.gan.step()
            yield torch.randn(8, 2)


@pytest.fixture
def names(tiny, tmp_path, monkeypatch):
    """What a block takes for granted: networks, a loader that trains, a recorded run; closes what it attaches."""
    monkeypatch.chdir(tmp_path)
    opened = []

    def attach(*args, **options):
        opened.append(real_attach(*args, **options))
        return opened[-1]

    real_attach = gandiag.attach
    monkeypatch.setattr(gandiag, "attach", attach)
    gan = tiny()
    two = {name: network() for name in ("D1", "D2", "DA", "DB") for network in [lambda: nn.Linear(2, 1)]}
    two |= {name: network() for name in ("G1", "G2") for network in [lambda: nn.Linear(2, 2)]}
    known = {"gandiag": gandiag, "generator": gan.generator, "discriminator": gan.discriminator, "g_loss": 1.0}
    known |= {"G": gan.generator, "D": gan.discriminator, "d_loss": 1.0, "loader": Loader(gan), **two}
    known |= {
        "augment": lambda batch: batch + 0.1,
        "real": torch.randn(16, 2),
        "fake": gan.generator(torch.randn(16, 4)),
    }
    known |= {"predict": lambda x: torch.zeros(len(x), 3), "validation_images": torch.randn(64, 2)}
    known |= {"build": lambda: (tiny().generator, tiny().discriminator)}
    yield known
    for callback in opened:
        callback.close()


def in_a_console(text):
    """Each line of `gandiag ...`, on the run in runs/dcgan; a check of it fails, as it should."""
    for line in text.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "gandiag", line
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == (1 if arguments[0] == "check" else 0), done.output


@pytest.mark.parametrize("block", HERE, ids=str)
def test_a_block_runs(block, names, tmp_path):
    """As it stands, in a folder with a recorded run where it reads one."""
    if block.language == "console":
        store(synthetic.mode_collapse(), tmp_path / "runs" / "dcgan")
        in_a_console(block.text)
        return
    assert block.language == "python"
    if re.search(r"Run\.open|read_parquet", block.text):
        store(synthetic.mode_collapse(), tmp_path / "runs" / "dcgan")
    if "callback.observe(" in block.text:
        names["callback"] = gandiag.attach(names["generator"], names["discriminator"], run_dir="runs/observed")
    exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - the page's own code
    if "test_watching_changes_nothing" in names:
        names["test_watching_changes_nothing"]()


@pytest.mark.parametrize("place", ELSEWHERE, ids=str)
def test_what_is_run_elsewhere_is(place):
    """The test exists and reads the page, and the page has such blocks."""
    page, heading = place
    assert [block for block in EVERY if block.page == page and heading in ("", block.heading)]
    assert page.rpartition("/")[2] in (ROOT / ELSEWHERE[place]).read_text("utf-8")


def test_what_is_not_run_is_little():
    """And each says why."""
    assert len([block for block in EVERY if block.reason]) <= len(EVERY) / 4

"""What people take for a failure is called normal, where nothing is wrong; and only there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from markupsafe import escape
from pypdf import PdfReader
from test_cli import store

from gandiag import reports, synthetic
from gandiag.cli.main import main
from gandiag.findings import Diagnosis
from gandiag.judge.diagnose import diagnose

STEPS = 2000


def with_losses(run, generator, discriminator, **columns):
    """The run with losses that move by a tenth around these levels, and further signals."""
    noise = 0.1 * np.random.default_rng(0).normal(size=(2, len(run.scalars)))
    columns |= {"loss/generator": generator + noise[0], "loss/discriminator": discriminator + noise[1]}
    return replace(run, scalars=run.scalars.assign(**columns))


def of(family, run):
    return replace(run, meta=run.meta | {"loss_family": {"name": family, "source": "given"}})


@pytest.fixture(scope="module")
def healthy():
    return synthetic.healthy(steps=STEPS)


def test_a_rising_loss_of_g_is_normal(healthy):
    """It is said with the levels; of a level loss nothing is."""
    rising = with_losses(healthy, np.linspace(0.9, 2.4, STEPS), 1.1)
    (sentence,) = diagnose(rising).normal
    assert sentence.startswith("G's loss rose from 1.3 to 2.2: this is normal")
    assert diagnose(with_losses(healthy, 1.5, 1.1)).normal == ()


def test_losses_below_zero_are_normal_under_a_wasserstein_loss(healthy):
    """And under no other."""
    negative = with_losses(healthy, -3.0, -1.0)
    (sentence,) = diagnose(of("wgan-gp", negative)).normal
    assert sentence.startswith("Losses below 0 are normal")
    assert diagnose(of("hinge", negative)).normal == ()


@pytest.mark.parametrize("level", [0.69, 1.386])
def test_a_d_at_chance_is_normal_where_samples_are_like_the_data(healthy, level):
    """Where it cannot tell them apart either; where it can, its loss is another."""
    at_chance = of("non-saturating", with_losses(healthy, 0.7, level, **{"d/auc": 0.51}))
    (sentence,) = diagnose(at_chance).normal
    assert float(sentence.removeprefix("D's loss stands at ").partition(",")[0]) == pytest.approx(level, abs=0.02)
    assert diagnose(of("non-saturating", with_losses(healthy, 0.7, level, **{"d/auc": 0.7}))).normal == ()


def test_nothing_is_normal_about_a_run_that_fails():
    """Whatever its losses do."""
    failing = synthetic.mode_collapse(steps=STEPS)
    found = diagnose(with_losses(failing, np.linspace(0.9, 2.4, STEPS), 1.1))
    assert found.verdict == "failing"
    assert found.normal == ()


def test_it_is_printed_and_kept(healthy, tmp_path):
    """In a line of its own in the terminal and in both reports; and in the JSON."""
    run = with_losses(healthy, np.linspace(0.9, 2.4, STEPS), 1.1)
    store(run, tmp_path / "run")
    shown = CliRunner().invoke(main, ["diagnose", str(tmp_path / "run")]).output
    assert any(line.strip().startswith("G's loss rose from") for line in shown.splitlines())
    found = diagnose(run)
    html, pdf = reports.write(run, found, tmp_path)
    assert f'<p class="lead">{escape(found.normal[0])}.</p>' in Path(html).read_text("utf-8")
    text = " ".join(page.extract_text() for page in PdfReader(pdf).pages)
    assert "this is normal" in " ".join(text.split())
    assert Diagnosis.from_dict(found.to_dict()) == found

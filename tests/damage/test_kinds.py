"""Every row of the table of damage, and the page that shows it."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner
from kinds import KINDS
from table import PAGE, render

from gandiag.cli.main import main


@pytest.mark.parametrize(
    "damage", [pytest.param(d, id=f"{file}: {d.what}") for file, entries in KINDS.items() for d in entries]
)
def test_damage_costs_what_the_table_says(healthy_run, failing_run, tmp_path, damage):
    """For a healthy and for a failing run: the exit code, and what is told."""
    for run, code in ((healthy_run, damage.healthy), (failing_run, damage.failing)):
        folder = shutil.copytree(run, tmp_path / run.name)
        damage.act(folder)
        done = CliRunner().invoke(main, ["check", str(folder)], catch_exceptions=False)
        assert done.exit_code == code, done.output
        if code in (2, 3):
            assert damage.told in done.output


def test_the_page_is_what_the_table_gives():
    """`python tests/damage/table.py` writes it."""
    assert PAGE.read_text(encoding="utf-8") == render()

"""What a policy may say, and the sentence for what it may not."""

from __future__ import annotations

import json
from datetime import date

import pytest

from gandiag.gate.names import CODES, RULE_NAMES
from gandiag.gate.policy import read_settings
from gandiag.gate.rules import RULES
from gandiag.judge.policy_files import PolicyError

TABLE = """
fail = ["mode-shares"]
warn = ["duplicates"]
ignore = [{rule = "coverage", reason = "a toy", until = 2030-01-31}]
require = ["mode-collapse"]
bounds = ["frechet < 30", "recall > 0.4"]
limits = {nearest-distance = 0.6}
tolerance = 0.3
least_samples = 5000
require_closed = false
"""


def test_names_of_the_rules_are_those_of_the_catalogue():
    """What a policy is checked against is what there is."""
    assert tuple(rule.name for rule in RULES) == RULE_NAMES
    assert {rule.code for rule in RULES} <= set(CODES)


def test_a_file_goes_over_pyproject_and_arguments_over_both(tmp_path, monkeypatch):
    """Key by key, with who set it."""
    (tmp_path / "pyproject.toml").write_text("[tool.gandiag.check]\ntolerance = 0.1\nfalse_alarms = 0.01\n")
    (tmp_path / "strict.toml").write_text(f"[check]{TABLE}")
    monkeypatch.chdir(tmp_path)
    settings = read_settings("strict.toml", least_samples=7)
    assert (settings.tolerance, settings.false_alarms, settings.least_samples) == (0.3, 0.01, 7)
    assert settings.levels == {"mode-shares": "fail", "duplicates": "warn"}
    assert settings.ignored[0].until == date(2030, 1, 31)
    assert [str(bound) for bound in settings.bounds] == ["frechet < 30", "recall > 0.4"]
    assert settings.set_by["least_samples"] == "argument"
    assert settings.set_by["tolerance"] == "strict.toml"
    assert settings.set_by["false_alarms"].endswith("pyproject.toml")
    assert not settings.require_closed


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fails = []", "strict.toml: check.fails is no setting; did you mean fail?"),
        ('fail = ["mode-colapse"]', "no rule and no failure is called 'mode-colapse'; did you mean mode-collapse?"),
        ("fail = true", "check.fail: found true, expected a list of texts"),
        ('ignore = [{rule = "coverage"}]', "each entry needs a reason"),
        ('ignore = [{rule = "coverage", reason = "x", until = "soon"}]', "expected a day as 2027-03-31"),
        ('ignore = [{rule = "coverage", reasons = "x"}]', "check.ignore.reasons is no setting; did you mean reason?"),
        ("bounds = ['fid is good']", "check.bounds: found 'fid is good', expected a metric, < or >, and a number"),
        ("limits = {nearest = 1}", "check.limits.nearest is no rule with a limit; did you mean nearest-distance?"),
        ("tolerance = -1", "check.tolerance: found -1, expected a number up to 1"),
        ("least_samples = 0.5", "expected a whole number"),
        ("require_closed = 1", "check.require_closed: found 1, expected true or false"),
        ("false_alarms = 0.0", "false_alarms must lie between 0 and 1"),
    ],
)
def test_a_wrong_key_is_one_sentence_with_the_nearest_right_one(tmp_path, monkeypatch, text, sentence):
    """The file, the key, what was found and what is expected."""
    (tmp_path / "strict.toml").write_text(f"[check]\n{text}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError) as refused:
        read_settings("strict.toml")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_policy_in_force_is_shown(gate, world):
    """For people and for programs; nothing is checked."""
    (world / "strict.toml").write_text(f"[check]{TABLE}")
    shown = gate("--show-policy", "--policy", "strict.toml")
    assert shown.exit_code == 0
    assert "tolerance: 0.3 (set by strict.toml)" in shown.output
    assert "coverage until 2030-01-31: a toy" in shown.output
    plain = json.loads(gate("--show-policy", "--policy", "strict.toml", "--json").output)
    assert plain["rules"]["mode-shares"]["level"] == "fail"
    wrong = gate("--show-policy", "--policy", "nowhere.toml")
    assert wrong.exit_code == 2


def test_the_policy_decides(gate, world):
    """What fails, what is ignored, what must have been judged, and how few samples are too few."""
    bad = ["bad.npz", "--reference", "real.npz"]
    assert gate(*bad).exit_code == 1
    rules = ["pairwise-distance", "nearest-distance", "lost-parts", "duplicates"]
    (world / "lax.toml").write_text(f"[check]\nwarn = {rules}\n")
    assert gate(*bad, "--policy", "lax.toml").exit_code == 0
    assert gate(*bad, "--policy", "lax.toml", "--fail-on", "warning").exit_code == 1
    (world / "asking.toml").write_text('[check]\nrequire = ["lost-modes"]\n')
    asked = gate("good.npz", "--reference", "real.npz", "--policy", "asking.toml")
    assert asked.exit_code == 3
    assert "lost-modes: is required and was not judged" in asked.output
    few = gate("good.npz", "--reference", "real.npz", "--least-samples", 5000)
    assert few.exit_code == 3
    assert "1,797 samples, fewer than the 5,000 that are wanted" in few.output

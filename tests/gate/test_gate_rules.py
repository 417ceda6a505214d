"""What each rule sees, on samplers whose law is known; and what it must not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import gandiag
from gandiag.gate import Ignored, Settings
from gandiag.gate.cells import lost_of_counts, proportions
from gandiag.gate.parts import APART, Tree
from gandiag.gate.statistics import fewest, lower_share, samples_needed, upper_share
from gandiag.modes import preset

RING = preset("ring8_pacgan")
NONE = Settings()


def ring(n=4000, seed=0, **changes):
    """Points and their modes."""
    return RING.sample(n, np.random.default_rng(seed), **changes)


def outcomes(found):
    return {row.rule: row.outcome for row in found.targets[0].rules}


def test_a_perfect_sampler_passes():
    """By the mixture and by real samples alone."""
    points, _ = ring()
    for reference in ("ring8_pacgan", ring(seed=1)[0]):
        found = gandiag.check(points, reference=reference, policy=NONE)
        assert found.exit_code == 0, found.targets[0].reasons
        assert bool(found)
        assert set(outcomes(found).values()) == {"passed"}


@pytest.mark.parametrize(
    ("change", "rule", "outcome"),
    [
        (lambda p, m: p[m != 3], "lost-modes", "failed"),
        (lambda p, m: p[(m != 3) | (np.arange(len(p)) % 2 == 0)], "mode-shares", "warned"),
        (
            lambda p, m: np.where((m == 3)[:, None], RING.centres[3] + (p - RING.centres[3]) / 5, p),
            "tight-modes",
            "failed",
        ),
        (lambda p, m: p[m == 3], "pairwise-distance", "failed"),
        (lambda p, m: p[m != 3], "lost-parts", "failed"),
        (lambda p, m: p[(m != 3) | (np.arange(len(p)) % 2 == 0)], "cell-shares", "warned"),
        (lambda p, _: np.concatenate([p[:3800], p[:200]]), "duplicates", "failed"),
        (lambda p, _: np.repeat(p[:8], 500, axis=0), "nearest-distance", "failed"),
        (lambda p, _: np.where(np.arange(len(p))[:, None] == 7, np.nan, p), "finite-values", "failed"),
        (lambda p, _: np.repeat(p[:1], 4000, axis=0), "constant-output", "failed"),
    ],
)
def test_a_defect_is_seen_by_its_rule(change, rule, outcome):
    """With a finding of the failure's code, evidence, mechanism; what fails exits 1, what warns 0."""
    points, modes = ring()
    found = gandiag.check(change(points, modes), reference="ring8_pacgan", policy=NONE)
    assert outcomes(found)[rule] == outcome
    assert found.exit_code == (1 if outcome == "failed" else 0)
    codes = {finding.code for finding in found.findings}
    assert found.targets[0][rule].code in codes
    assert all(finding.mechanism and finding.evidence for finding in found.findings)


def test_copies_are_counted_without_their_originals():
    """Of two points fifty times each, 98 are copies; nothing says to go back where there is no earlier checkpoint."""
    found = gandiag.check(np.repeat(ring()[0][:2], 50, axis=0), reference=ring(n=200, seed=1)[0], policy=NONE)
    assert found.targets[0]["duplicates"].sentence.startswith("98 of 100 samples are copies")
    assert found.findings
    assert not [r for finding in found.findings for r in finding.remedies if r.name == "roll-back"]


def test_modes_beyond_those_that_are_named_are_counted():
    """And shares are said in words that fit them."""
    points, _ = ring()
    grid = preset("grid25_pacgan")
    found = gandiag.check(np.repeat(grid.centres[:1], 4000, axis=0) + 1e-3 * points, reference=grid, policy=NONE)
    said = found.targets[0]["mode-shares"].sentence
    assert "0 (25 times its share), 1 (none at all)" in said
    assert said.endswith(" and 17 more")
    assert "and 16 more)" in found.targets[0]["lost-modes"].sentence


def test_a_lost_mode_of_twenty_five_fails_without_labels():
    """Though it holds 4 % of the data; a generator with all modes, half as wide, does not."""
    grid = preset("grid25_pacgan")
    points, modes = grid.sample(4000, np.random.default_rng(0))
    real = grid.sample(6000, np.random.default_rng(1))[0]
    lost = gandiag.check(points[modes != 7], reference=real, policy=NONE)
    assert outcomes(lost)["lost-parts"] == "failed"
    assert 0.03 < lost.targets[0]["lost-parts"].value < 0.05
    narrow = grid.centres[modes] + (points - grid.centres[modes]) / 2
    assert outcomes(gandiag.check(narrow, reference=real, policy=NONE))["lost-parts"] == "passed"


def test_a_piece_of_one_cloud_does_not_stand_apart():
    """A cloud cut anywhere gives pieces, whatever its dimension; clouds far from each other are parts."""
    rng = np.random.default_rng(0)
    cloud = torch.from_numpy(rng.standard_normal((3000, 3)))
    two = cloud + 10 * torch.from_numpy(rng.integers(2, size=(3000, 1)))
    for rows, apart in ((cloud, 0), (two, 1)):
        tree = Tree(rows, seed=0)
        assert (max(tree.apart(part) for part in range(len(tree.members))) > APART) == bool(apart)


def test_few_samples_do_not_pass():
    """They exit 3 and say how many would do; with so many it is decided."""
    points, _ = ring(n=100)
    found = gandiag.check(points, reference="ring8_pacgan", policy=NONE)
    assert found.exit_code == 3
    needed = found.targets[0]["lost-modes"].needed
    assert any(f"{needed:,} samples would do" in reason for reason in found.targets[0].reasons)
    more = gandiag.check(ring(n=needed)[0], reference="ring8_pacgan", policy=NONE)
    assert outcomes(more)["lost-modes"] == "passed"


def test_nothing_to_judge_by_does_not_pass():
    """Neither does a reference that tells nothing of collapse."""
    found = gandiag.check(ring()[0], policy=NONE)
    assert found.exit_code == 3
    assert "nothing tells whether the generator collapsed; pass real samples" in found.targets[0].reasons[0]
    assert gandiag.check(ring()[0], policy=Settings(required=("duplicates",))).exit_code == 3


def test_values_beyond_the_range_fail():
    """Of images; so does a range that the samples never had."""
    images = np.random.default_rng(0).uniform(-1, 1, (600, 1, 8, 8)).astype(np.float32)
    real = np.random.default_rng(1).uniform(-1, 1, (600, 1, 8, 8)).astype(np.float32)
    assert gandiag.check(images, reference=real, value_range=(-1, 1), policy=NONE).targets[0]["value-range"].value == 0
    found = gandiag.check(images * 2, reference=real, value_range=(-1, 1), policy=NONE)
    assert outcomes(found)["value-range"] == "failed"


class Conditional(nn.Module):
    """Points around a centre for each class; `spread` by class."""

    def __init__(self, spread, follow=1.0):
        super().__init__()
        self.register_buffer("spread", torch.tensor(spread))
        self.follow = follow

    def forward(self, z, y):
        centre = torch.stack([y.float() * 4, -y.float()], dim=1)
        return centre + self.follow * self.spread[y][:, None] * z


def conditional(spread, **kwargs):
    from gandiag.gate.case import Case
    from gandiag.gate.judge import judged, read_case
    from gandiag.gate.reference import Given, known
    from gandiag.quality.sources.arrays import ArraySource
    from gandiag.quality.sources.generators import GeneratorSource

    cpu = torch.device("cpu")
    labels = torch.arange(600) % 3
    real = Conditional([1.0, 1.0, 1.0])(torch.randn(600, 2, generator=torch.Generator().manual_seed(1)), labels)
    source = GeneratorSource(Conditional(spread, **kwargs), lambda n: torch.randn(n, 2), 600, cpu, 0, labels)
    reference = known(Given(reference=ArraySource(real, "real", labels), device=cpu), images=False, latents=True)
    case = read_case(source, reference, NONE)
    assert isinstance(case, Case)
    return {row.rule: row for row in judged(case, "g", "checkpoint").rules}


def test_a_class_that_stopped_varying_is_named():
    """And one that varies is not."""
    assert conditional([1.0, 1.0, 1.0])["tight-classes"].outcome == "passed"
    row = conditional([1.0, 0.01, 1.0])["tight-classes"]
    assert (row.outcome, row.details["collapsed"]) == ("failed", [1])


def test_latents_that_no_longer_matter_are_seen():
    """Labels still do."""
    assert conditional([1.0, 1.0, 1.0])["latents"].outcome == "passed"
    assert conditional([1.0, 1.0, 1.0], follow=0.01)["latents"].outcome == "failed"


def test_metrics_are_held_to_bounds_with_their_intervals():
    """Passed and failed with the whole interval, undecided where it holds the bound."""
    real, other = (torch.randn(600, 2, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    for bound, outcome in (("frechet < 5", "passed"), ("frechet > 5", "failed"), ("recall > 0.2", "passed")):
        found = gandiag.check(other, reference=real, bounds=[bound], policy=NONE)
        assert outcomes(found)[bound.replace(" 5", " 5")] == outcome
    value = gandiag.check(other, reference=real, bounds=["frechet < 5"], policy=NONE).targets[0]["frechet < 5"].value
    close = gandiag.check(other, reference=real, bounds=[f"frechet < {value:g}"], policy=NONE)
    assert close.exit_code == 3
    with pytest.raises(ValueError, match="fid is a name for Inception's features; with identity it is frechet"):
        gandiag.check(other, reference=real, bounds=["fid < 3"], policy=NONE)
    with pytest.raises(ValueError, match="found 'fid ~ 3', expected a metric"):
        gandiag.check(other, reference=real, bounds=["fid ~ 3"], policy=NONE)


def test_a_baseline_is_not_fallen_behind(tmp_path):
    """The same generator with another seed passes, a worse one fails, another protocol is refused."""
    real, other, third = (torch.randn(900, 2, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1, 2))
    path = tmp_path / "gan.baseline.json"
    gandiag.check(other, reference=real, write_baseline=path, policy=NONE)
    same = gandiag.check(third, reference=real, baseline=path, policy=NONE)
    gandiag.check(torch.zeros(900, 2) + torch.arange(900)[:, None] % 2, reference=real, write_baseline=tmp_path / "no")
    assert not (tmp_path / "no").exists()
    assert {o for rule, o in outcomes(same).items() if rule.startswith("baseline ")} == {"passed"}
    worse = gandiag.check(third + 1, reference=real, baseline=path, policy=NONE)
    assert outcomes(worse)["baseline frechet"] == "failed"
    assert "quality-regression" in {finding.code for finding in worse.findings}
    fewer = gandiag.check(third[:700], reference=real, baseline=path, policy=NONE)
    assert fewer.exit_code == 2
    assert "frechet was measured in another way: n 700 against 900" in fewer.targets[0].reasons[0]


def test_levels_and_ignored_rules_change_what_follows():
    """A warning that fails, a failure that only warns, one that is ignored with its reason until its last day."""
    points, modes = ring()
    lost = points[modes != 3]
    strict = Settings(levels={"mode-collapse": "warn", "mode-shares": "fail"})
    found = gandiag.check(lost, reference="ring8_pacgan", policy=strict)
    assert (outcomes(found)["lost-modes"], outcomes(found)["mode-shares"]) == ("warned", "failed")
    from datetime import date

    known = Ignored(rule="mode-collapse", reason="mode 3 is being retrained", until=date(9999, 1, 1))
    assert gandiag.check(lost, reference="ring8_pacgan", policy=Settings(ignored=(known,))).exit_code == 0
    past = Ignored(rule="mode-collapse", reason="mode 3 is being retrained", until=date(2020, 1, 1))
    over = gandiag.check(lost, reference="ring8_pacgan", policy=Settings(ignored=(past,)))
    assert over.exit_code == 1
    assert "mode-collapse is no longer ignored: that ended on 2020-01-01" in over.targets[0].notes


def test_bounds_of_shares_are_exact():
    """Clopper and Pearson: by what they mean."""
    from scipy.stats import binom

    for count, n, level in ((0, 100, 0.01), (7, 50, 1e-4), (50, 50, 0.05)):
        upper, lower = float(upper_share(count, n, level)), float(lower_share(count, n, level))
        assert count == n or binom.cdf(count, n, upper) == pytest.approx(level)
        assert count == 0 or binom.sf(count - 1, n, lower) == pytest.approx(level)
    assert (
        binom.cdf(fewest(50, 200, 0.25, 1e-3), 200, 0.25)
        <= 1e-3
        < binom.cdf(fewest(50, 200, 0.25, 1e-3) + 1, 200, 0.25)
    )
    needed = samples_needed(0.1, 0.5, 0.0, 1e-4)
    assert (1 - 0.05) ** needed <= 1e-4


def test_counts_of_two_samples_are_compared_exactly():
    """A lost cell is one; a thinned one, and one of which there are too few, is none."""
    real = np.array([100, 100, 100, 4])
    found = lost_of_counts(np.array([100, 0, 50, 0]), real, 1e-4, 150, 304)
    assert found.lost.tolist() == [False, True, False, False]
    assert found.told.tolist() == [True, True, True, False]
    same = proportions(np.array([98, 103, 95, 6]), real)
    other = proportions(np.array([10, 103, 195, 6]), real)
    assert same.p > 0.01
    assert other.p < 1e-9

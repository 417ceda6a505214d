"""Label-free coverage: what it sees of lost modes, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.measure.label_free import BinTracker, BinTrackers
from gandiag.modes import preset

RING = preset("ring8_wgangp")


def followed(fake, steps=300, seed=0):
    """The last signals of a tracker that sees the ring as real samples and `fake(step, rng)` as generated ones."""
    tracker, rng, last = BinTracker(), np.random.default_rng(seed), {}
    for step in range(1, steps + 1):
        last = tracker.update(step, RING.sample(32, rng)[0], fake(step, rng)) or last
    return last


def only(*modes):
    """Samples of some modes of the ring."""
    return lambda _step, rng: RING.centres[rng.choice(modes, 32)] + 0.014 * rng.standard_normal((32, 2))


@pytest.mark.parametrize("seed", range(5))
def test_a_perfect_generator_covers_every_cell(seed):
    """Nothing lost; what moves between two histograms is chance."""
    found = followed(lambda _step, rng: RING.sample(32, rng)[0], seed=seed)
    assert found["bins/lost"] == 0
    assert found["bins/effective"] > 0.95
    assert found["bins/turnover"] < 0.12


@pytest.mark.parametrize("left", [1, 4, 6])
def test_lost_modes_are_seen_without_labels(left):
    """The share of real samples in cells without generated ones is that of the lost modes."""
    found = followed(only(*range(left)))
    assert found["bins/lost"] == pytest.approx(1 - left / 8, abs=0.05)
    assert found["bins/effective"] == pytest.approx(left / 8, abs=0.1)


@pytest.mark.parametrize("width", [0.0, 0.005, 0.05])
def test_a_mode_is_reached_by_samples_that_are_too_narrow_or_too_wide(width):
    """Cells at its edge may be lost then; a mode without any sample is not reached."""

    def fake(modes):
        return lambda _step, rng: RING.centres[rng.choice(modes, 32)] + width * rng.standard_normal((32, 2))

    assert followed(fake(range(8)))["bins/unreached"] == 0
    found = followed(fake(range(7)))
    assert found["bins/unreached"] == pytest.approx(1 / 8, abs=0.03)
    assert found["bins/unreached_groups"] == 1 / 8


@pytest.mark.parametrize("scatter", [0.0, 0.5])
def test_a_rare_category_that_is_never_drawn_is_not_reached(scatter):
    """One in ten real rows has it, beside two numbers; generated rows are soft and never exactly a category."""
    corners = np.eye(3)[np.r_[np.zeros(6, int), np.ones(3, int), 2]]

    def rows(rng, drawn, softness):
        kind = (1 - softness) * corners[rng.integers(drawn, size=32)] + softness / 3
        return np.hstack([kind, scatter * rng.standard_normal((32, 2))])

    for drawn, unreached in ((10, 0.0), (9, 0.1)):
        tracker, rng, last = BinTracker(), np.random.default_rng(0), {}
        for step in range(1, 601):
            last = tracker.update(step, rows(rng, 10, 0.0), rows(rng, drawn, 0.1)) or last
        assert last["bins/unreached"] == pytest.approx(unreached, abs=0.02)


def counted(real, fake, steps=600, seed=0):
    """The last signals of a tracker that sees rows of `real(rng)` and `fake(rng)`."""
    tracker, rng, last = BinTracker(), np.random.default_rng(seed), {}
    for step in range(1, steps + 1):
        last = tracker.update(step, real(rng), fake(rng)) or last
    return last


def mixed(drawn, softness=0.0, prior=(0.5, 0.3, 0.15, 0.05)):
    """Rows of a table: two numbers that do not depend on the category, and a category of four, of which some occur."""

    def rows(rng):
        share = np.array(prior)[drawn] / np.sum(np.array(prior)[drawn])
        kind = np.eye(4)[rng.choice(drawn, size=64, p=share)]
        return np.hstack([rng.standard_normal((64, 2)), (1 - softness) * kind + softness / 4])

    return rows


@pytest.mark.parametrize("softness", [0.0, 0.2])
@pytest.mark.parametrize("lost", [0, 3])
def test_a_category_that_generated_rows_never_have_is_named_by_its_column(lost, softness):
    """Its numbers are drawn with the other categories: by whole rows nothing need be missing."""
    found = counted(mixed([0, 1, 2, 3]), mixed([k for k in range(4) if k != lost], softness))
    assert found["columns/unreached"] == pytest.approx((0.5, 0, 0, 0.05)[lost], abs=0.02)
    assert (found["columns/unreached_column"], found["columns/unreached_value"]) == (2 + lost, 1)


@pytest.mark.parametrize("values", [(0, 1), (-1, 1), (1, 2, 3), (0, 1, 2, 3, 4)])
def test_a_value_of_a_column_that_takes_few_is_a_category(values):
    """Yes or no, or classes by number, beside more of their kind and a number."""

    def rows(drawn):
        def draw(rng):
            first, *rest = (rng.choice(of, size=64) for of in (drawn, values, (0, 1), (0, 1)))
            return np.column_stack([first, *rest, rng.standard_normal(64)])

        return draw

    found = counted(rows(values), rows(values[:-1]))
    assert found["columns/unreached"] == pytest.approx(1 / len(values), abs=0.04)
    assert (found["columns/unreached_column"], found["columns/unreached_value"]) == (0, values[-1])
    assert counted(rows(values), rows(values))["columns/unreached"] == 0


def test_many_answers_of_yes_or_no_beside_numbers_are_categories():
    """Twenty of them and three numbers, as of a questionnaire."""

    def rows(rng):
        return np.hstack([rng.random((64, 20)) < np.linspace(0.17, 0.8, 20), rng.standard_normal((64, 3))])

    found = counted(rows, lambda rng: rows(rng) * (np.arange(23) > 0))
    assert (found["columns/unreached_column"], found["columns/unreached_value"]) == (0, 1)


def test_a_category_that_the_data_no_longer_have_is_not_missed():
    """Taken out of both after 800 steps: what is due is what real samples of late have."""
    tracker, rng, found = BinTracker(), np.random.default_rng(0), []
    for step in range(1, 1601):
        drawn = mixed([0, 1, 2, 3] if step <= 800 else [0, 1, 3])
        found.append(tracker.update(step, drawn(rng), drawn(rng)).get("columns/unreached", 0.0))
    assert found[-1] == 0
    assert np.count_nonzero(found) <= 4  # while the last eight histograms hold both


def test_a_discriminator_with_a_name_has_categories_of_its_own():
    """Which column is left out is said of each, and of both together where one of them alone leaves out any."""
    steps, rng = np.arange(1, 601), np.random.default_rng(0)
    real, part = ([mixed(drawn)(rng) for _ in steps] for drawn in ([0, 1, 2, 3], [0, 1, 2]))
    raw = {f"points.{own}/{kind}": np.stack(real) for own in "ab" for kind in ("real", "fake")}
    columns = BinTrackers().track(steps, [(list(range(600)), raw | {"points.b/fake": np.stack(part)})])
    last = {name: values[-1] for name, values in columns.items() if name.startswith("columns")}
    assert last.pop("columns.b/unreached_column") == last.pop("columns/unreached_column") == 5
    assert last.pop("columns.b/unreached_value") == last.pop("columns/unreached_value") == 1
    assert last == {
        "columns.a/unreached": 0,
        "columns.b/unreached": pytest.approx(0.05, abs=0.01),
        "columns/unreached": pytest.approx(0.05, abs=0.01),
    }
    alone = {key.replace(".b", ".only"): values for key, values in raw.items() if ".b" in key}
    columns = BinTrackers().track(steps, [(list(range(600)), alone | {"points.only/fake": np.stack(part)})])
    assert columns["columns/unreached_column"][-1] == 5


@pytest.mark.parametrize("seed", range(5))
def test_categories_that_are_drawn_are_not_missed(seed):
    """Soft rows, as of a softmax, count for the category they are nearest to; one drawn at half its share is there."""
    found = counted(mixed([0, 1, 2, 3]), mixed([0, 1, 2, 3], 0.2, (0.5, 0.3, 0.175, 0.025)), seed=seed)
    assert found["columns/unreached"] == 0
    assert "columns/unreached_column" not in found


def test_columns_of_numbers_and_those_that_hardly_vary_are_no_categories():
    """Nothing is said of them: pixels at the edge of digits are 0 but for a few in a thousand."""

    def rows(rng):
        return np.column_stack([rng.standard_normal(64), rng.integers(8, size=64), rng.random(64) < 0.005])

    assert "columns/unreached" not in counted(rows, lambda rng: rows(rng) + np.array([0, 0, 0.6]))


@pytest.mark.parametrize("low", [0.0, -1.0])
@pytest.mark.parametrize("frame", [0, 48])
def test_pixels_of_black_and_white_pictures_are_no_categories(low, frame):
    """A rare white pixel that G does not draw is none; one-hot columns are, also where there are no numbers."""

    def pixels(rng):
        drawn = np.where(rng.random((64, 16)) < 0.3, 1.0, low)
        return np.hstack([drawn, np.full((64, frame), low)])  # a black frame

    def letters(rng):
        return np.where(np.eye(4)[rng.integers(4, size=(64, 4))].reshape(64, 16) > 0, 1.0, low)

    def without_seventh(of):
        return lambda rng: np.where(np.arange(of(rng).shape[1]) == 7, low, of(rng))

    assert "columns/unreached" not in counted(pixels, without_seventh(pixels))
    found = counted(letters, without_seventh(letters))
    assert (found["columns/unreached"], found["columns/unreached_column"]) == (pytest.approx(0.25, abs=0.03), 7)


def test_few_samples_have_no_categories():
    """Forty rows of grey values, drawn again and again: a column that takes few values does so by chance."""
    known = np.random.default_rng(0).integers(17, size=(40, 64)) * (np.arange(64) % 8 > 1)
    known[:, ::8] = np.arange(40)[:, None] % 4 == 0

    def rows(rng):
        return known[rng.integers(40, size=64)].astype(float)

    assert "columns/unreached" not in counted(rows, lambda _rng: np.full((64, 64), 8.0))


@pytest.mark.parametrize("dimensions", [2, 16])
def test_data_in_one_piece_have_no_group_to_leave_out(dimensions):
    """A generator half as wide as a Gaussian leaves out cells at its edge, and no group."""
    tracker, rng, last = BinTracker(), np.random.default_rng(0), {}
    for step in range(1, 601):
        real, fake = rng.standard_normal((2, 32, dimensions))
        last = tracker.update(step, real, 0.3 * fake) or last
    assert last["bins/unreached"] == 0
    assert dimensions > 2 or last["bins/lost"] > 0.1


def test_hopping_shows_as_turnover():
    """One mode at a time, another every 50 steps."""
    found = followed(lambda step, rng: only((step - 1) // 50 % 8)(step, rng))
    assert found["bins/turnover"] > 0.95


def test_a_point_mass_is_one_cell_of_which_nothing_can_be_lost():
    """All real samples equal, as in Dirac-GAN: covered, wherever the generated one is."""
    tracker, last = BinTracker(), {}
    for step in range(1, 201):
        last = tracker.update(step, np.zeros((32, 1)), np.ones((32, 1))) or last
    assert (last["bins/effective"], last["bins/lost"], last["bins/unreached"]) == (1, 0, 0)


def test_few_samples_a_step_make_fewer_histograms():
    """Five samples a step: the first histogram when 375 have come together."""
    tracker, rng = BinTracker(), np.random.default_rng(0)
    said = [s for s in range(1, 501) if tracker.update(s, RING.sample(5, rng)[0], RING.sample(5, rng)[0])]
    assert said == [275, 350, 425, 500]


def test_a_histogram_pools_a_hundred_steps_at_most():
    """Three samples a step are too few in any hundred steps: then there is no histogram, and nobody is cleared."""
    tracker, rng = BinTracker(), np.random.default_rng(0)
    assert not any(tracker.update(s, RING.sample(3, rng)[0], RING.sample(3, rng)[0]) for s in range(1, 2001))


@pytest.mark.parametrize("every", [1, 4, 8])
@pytest.mark.parametrize("hop", [50, 60])
def test_hopping_does_not_look_like_coverage_at_any_interval(every, hop):
    """One mode of eight at a time, recorded as the plan has it: every histogram holds three modes at most."""
    tracker, rng, batch = BinTracker(), np.random.default_rng(0), 32 if every == 1 else 64
    found = [
        tracker.update(s, RING.sample(batch, rng)[0], np.repeat(only(s // hop % 8)(s, rng), batch // 32, axis=0))
        for s in range(every, 4001, every)
    ]
    seen = [each for each in found if each]
    assert len(seen) > 50
    assert max(each["bins/effective"] for each in seen) < 0.45
    assert np.mean([each["bins/turnover"] for each in seen[1:]]) > 0.7


def test_generated_samples_count_where_d_was_not_shown_real_ones():
    """Two updates of G for one of D: in every second step there are generated samples only."""
    tracker, rng = BinTracker(), np.random.default_rng(0)
    found = [
        tracker.update(s, RING.sample(64, rng)[0] if s % 16 == 0 else None, RING.sample(64, rng)[0])
        for s in range(8, 1001, 8)
    ]
    assert [each["bins/lost"] for each in found if each][-1] == 0


def test_another_dimension_starts_anew():
    """A growing generator: samples of four values become samples of sixteen."""
    rng = np.random.default_rng(0)
    tracker = BinTracker()
    for step in range(1, 301):
        size = 4 if step <= 150 else 16
        found = tracker.update(step, rng.normal(size=(32, size)), rng.normal(size=(32, size)))
    assert found["bins/lost"] == 0


def test_samples_that_are_no_numbers_are_not_counted():
    """A batch of NaN neither fits cells nor fills them."""
    found = followed(lambda step, rng: np.full((32, 2), np.nan) if step % 2 else RING.sample(32, rng)[0])
    assert found["bins/lost"] == 0


def test_a_block_gives_columns():
    """Rows in order, whatever the groups they come in; NaN where no histogram ends."""
    rng = np.random.default_rng(0)
    steps = np.arange(1, 201)
    points = [RING.sample(32, rng)[0] for _ in steps]
    groups = [list(range(0, 200, 2)), list(range(1, 200, 2))]
    arrays = [(g, {f"points/{k}": np.stack([points[i] for i in g]) for k in ("real", "fake")}) for g in groups]
    columns = BinTrackers().track(steps, arrays)
    assert np.flatnonzero(~np.isnan(columns["bins/lost"])).tolist() == [49, 99, 149, 199]
    assert columns["bins/effective"].shape == (200,)


def test_each_discriminator_has_cells_of_its_own():
    """One of three generators gives a single point: its cells are empty, and all together say so, too."""
    rng = np.random.default_rng(0)
    steps = np.arange(1, 201)
    real = {own: np.stack([RING.sample(32, rng)[0] for _ in steps]) for own in "abc"}
    fake = {**real, "b": np.zeros_like(real["b"]) + real["b"][0, 0]}
    raw = {f"points.{own}/{kind}": v[own] for kind, v in (("real", real), ("fake", fake)) for own in "abc"}
    columns = BinTrackers().track(steps, [(list(range(200)), raw)])
    lost = {own: float(np.nanmax(columns[f"bins{own}/lost"])) for own in ("", ".a", ".b", ".c")}
    assert lost[".a"] == lost[".c"] == 0
    assert lost[".b"] == lost[""] > 0.8


def test_histograms_together_tell_hopping_from_few_modes():
    """One mode at a time, eight in all, against one and the same mode throughout."""
    hopping = followed(lambda step, rng: only((step - 1) // 50 % 8)(step, rng), steps=600)
    assert hopping["bins/recent_effective"] > 4 * hopping["bins/effective"]
    still = followed(only(3), steps=600)
    assert still["bins/recent_effective"] < 1.1 * still["bins/effective"]

"""Records of D's calls, made by hand, and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.measure.attribution import PATIENCE, Attribution
from gandiag.measure.calls import MAX_OUTPUTS, SLOTS, kept_points, read, renumbered

K, B = 12, 6
OUTPUTS = {kind: np.random.default_rng(i).normal(size=(K, B)) for i, kind in enumerate(("real", "fake", "old"))}
UP, DOWN = np.full((K, B), -1.0), np.full((K, B), 1.0)  # pulls: a loss that raises an output, one that lowers it


def _call(number, outputs, pull, origin="plain", role="seen", **views):
    head = f"{role}/{number}:{origin}"
    return {f"{head}/outputs": outputs, f"{head}/pull": pull, **{f"{head}/{k}": v for k, v in views.items()}}


def _resolved(*calls, attribution=None, rows=K):
    attribution = attribution or Attribution()
    raw = {key: values[:rows] for call in calls for key, values in call.items()}
    ((here, known),) = attribution.resolve([(list(range(rows)), raw)])
    assert here == list(range(rows))
    return known, attribution


GENERATORS_OWN = _call(0, OUTPUTS["fake"], UP, "direct", "asked")


def test_the_pull_tells_copies_from_reals():
    """No origin, no values: G's own loss shows which way is up, D's pulls show the kinds."""
    known, attribution = _resolved(_call(0, OUTPUTS["real"], UP), _call(1, OUTPUTS["fake"], DOWN), GENERATORS_OWN)
    assert np.array_equal(known["d/real"], OUTPUTS["real"])
    assert np.array_equal(known["d/fake"], OUTPUTS["fake"])
    assert attribution.sign("") == 1


def test_a_game_and_its_mirror_give_the_same_outputs():
    """D's outputs and all pulls with the other sign: the same in every bit."""
    calls = _call(0, OUTPUTS["real"], UP), _call(1, OUTPUTS["fake"], DOWN, "direct"), GENERATORS_OWN
    known, _ = _resolved(*calls)
    mirrored, attribution = _resolved(*({key: -v for key, v in call.items()} for call in calls))
    assert attribution.sign("") == -1
    assert known.keys() == mirrored.keys()
    assert all(np.array_equal(known[key], mirrored[key], equal_nan=True) for key in known)


def test_an_older_batch_is_generated_though_only_one_call_is_traced():
    """Replayed before the reals: pulled as G's own call is."""
    calls = _call(0, OUTPUTS["old"], DOWN), _call(1, OUTPUTS["real"], UP), _call(2, OUTPUTS["fake"], DOWN, "direct")
    known, attribution = _resolved(*calls)
    assert np.array_equal(known["d/real"], OUTPUTS["real"])
    assert np.array_equal(known["d/fake"], np.concatenate([OUTPUTS["old"], OUTPUTS["fake"]], axis=1))
    assert attribution.games[""].counts["generated"] == 2 * K


def test_one_batch_of_both_is_told_by_positions():
    """Reals first; nothing is traced."""
    both = np.concatenate([OUTPUTS["real"], OUTPUTS["fake"]], axis=1)
    known, _ = _resolved(_call(0, both, np.concatenate([UP, DOWN], axis=1)), GENERATORS_OWN)
    assert np.array_equal(known["d/real"], OUTPUTS["real"])
    assert np.array_equal(known["d/fake"], OUTPUTS["fake"])


def test_samples_that_hold_values_of_the_generator_are_its_own():
    """Whatever the pull: of a pool with new and older samples the new ones are known, and show what the others are."""
    made = np.tile(np.arange(B) % 2 == 0, (K, 1)).astype(float)
    known, _ = _resolved(_call(0, OUTPUTS["real"], UP), _call(1, OUTPUTS["fake"], DOWN, made=made))
    assert np.array_equal(known["d/fake"], OUTPUTS["fake"])


def test_a_loss_without_direction_is_said():
    """D's loss lowers all its outputs: not even the sign is known, and no outputs are recorded."""
    attribution = Attribution()
    for _ in range(PATIENCE // K + 1):
        known, _ = _resolved(
            _call(0, OUTPUTS["real"], DOWN), _call(1, OUTPUTS["old"], DOWN), GENERATORS_OWN, attribution=attribution
        )
    assert attribution.told() == {"": "direction"}
    assert "d/real" not in known


def test_what_nothing_pulls_is_open_and_said():
    """Two calls of unknown origin that the loss does not touch."""
    attribution = Attribution()
    still = np.zeros((K, B))
    for _ in range(PATIENCE // K + 1):
        known, _ = _resolved(
            _call(0, OUTPUTS["real"], still), _call(1, OUTPUTS["old"], still), GENERATORS_OWN, attribution=attribution
        )
    assert attribution.told() == {"": "open"}
    assert "d/real" not in known


def test_outputs_of_a_row_are_left_out_where_part_of_it_is_open():
    """A third call that is not pulled: D's outputs on a kind might be part of it only."""
    still = np.zeros((K, B))
    calls = _call(0, OUTPUTS["real"], UP), _call(1, OUTPUTS["fake"], DOWN, "direct"), _call(2, OUTPUTS["old"], still)
    known, _ = _resolved(*calls)
    assert not [key for key in known if key.startswith("d/")]


def test_of_two_updates_in_a_step_the_later_counts_for_each_kind():
    """Reals and generated samples in optimizer steps of their own, with an earlier batch of reals."""
    calls = (
        _call(0, OUTPUTS["old"], UP),
        _call(SLOTS, OUTPUTS["real"], UP),
        _call(2 * SLOTS, OUTPUTS["fake"], DOWN, "direct"),
    )
    known, _ = _resolved(*calls)
    assert np.array_equal(known["d/real"], OUTPUTS["real"])
    assert np.array_equal(known["d/fake"], OUTPUTS["fake"])


def test_an_energy_of_the_users_own_is_not_turned():
    """With score= high is real, whatever the losses do."""
    calls = _call(0, OUTPUTS["real"], DOWN), _call(1, OUTPUTS["fake"], UP, "direct")
    known, _ = _resolved(*calls, attribution=Attribution(upright=True))
    assert np.array_equal(known["d/fake"], OUTPUTS["fake"])


def test_points_labels_and_ranges_go_with_their_kind():
    """Of a batch of both kinds each sample's point; a range only of a batch that is of one kind."""
    points = np.arange(K * B * 2.0).reshape(K, B, 2)
    views = {"points": points, "labels": points[..., 0], "range": np.tile([0.0, 1.0, 0.0], (K, 1))}
    known, _ = _resolved(_call(0, OUTPUTS["real"], UP, **views), _call(1, OUTPUTS["fake"], DOWN, "direct"))
    assert np.array_equal(known["points/real"], points)
    assert np.array_equal(known["labels/real"], points[..., 0])
    assert np.array_equal(known["range/real"], views["range"])
    halves = np.concatenate([UP[:, :3], DOWN[:, :3]], axis=1)
    known, _ = _resolved(_call(0, OUTPUTS["real"], halves, **views), GENERATORS_OWN)
    assert np.array_equal(known["points/fake"], points[:, 3:])
    assert "range/real" not in known


def test_keys_are_read_in_the_order_of_calls():
    """With the output's number, the origin and the parts; other keys are none of them."""
    raw = {"seen.patch/10.1:plain/outputs": UP, "seen.patch/2:direct/outputs": DOWN, "grad/generator": UP}
    first, second = read(raw)
    assert (first.own, first.number, first.origin, first.generated) == (".patch", 2, "direct", True)
    assert (second.number, list(second.answers), second.generated) == (10, [1], False)


@pytest.mark.parametrize("key", ["seen/3:plain/outputs", "seen.patch/103.2:direct/pull"])
def test_a_call_can_be_moved_to_another_slot(key):
    """And back."""
    assert renumbered(renumbered(key, 4), int(key.split("/")[1].split(":")[0].split(".")[0]) // SLOTS) == key
    assert "/403" in renumbered(key, 4)


def test_points_are_kept_of_samples_whose_outputs_are():
    """The first and the last of a large batch, counted among the outputs that are kept of it."""
    assert kept_points(10, 64).tolist() == list(range(10))
    assert kept_points(10 * MAX_OUTPUTS, 64).max() == MAX_OUTPUTS - 1


def logistic(f):
    return 1 / (1 + np.exp(-f))


LOGITS = np.random.default_rng(3).normal(-6, 1, size=(K, 32))
LOSSES = {
    "saturating": (-logistic(LOGITS), logistic(LOGITS).mean(axis=1)),
    "non-saturating": (logistic(LOGITS) - 1, 1),
    "least squares": (LOGITS - 1, 1),
    "hinge": (-np.ones_like(LOGITS), 1),
    "none": (np.zeros_like(LOGITS), np.nan),
    "none that is known": (np.sin(9 * LOGITS), np.nan),
    "not finite": (np.full_like(LOGITS, np.inf), np.nan),
}


@pytest.mark.parametrize("scale", [1, 65536, 1e-3])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_shape_of_the_generators_pull_tells_what_its_loss_lets_through(loss, scale):
    """The saturating loss lets sigmoid(f) through; a weight of the loss or a scaler's factor changes nothing."""
    pull, passed = LOSSES[loss]
    own = _call(0, LOGITS, scale * pull, "direct", "asked")
    others = _call(0, LOGITS + 9, -np.ones_like(LOGITS)), _call(1, LOGITS, np.ones_like(LOGITS), "direct")
    known, _ = _resolved(*others, own, _call(1, LOGITS + 9, -np.ones_like(LOGITS), role="asked"))
    np.testing.assert_allclose(known["scalar/pull/passed"], np.broadcast_to(passed, K))


def test_what_gets_through_where_low_means_real_and_of_probabilities():
    """A D turned round: log(1 - s(-f)). One that ends in a sigmoid: 1 / (1 - p)."""
    wide = np.ones_like(LOGITS)
    real, fake = _call(0, -LOGITS - 9, wide), _call(1, -LOGITS, -wide, "direct")
    turned, _ = _resolved(real, fake, _call(0, -LOGITS, logistic(LOGITS), "direct", "asked"))
    np.testing.assert_allclose(turned["scalar/pull/passed"], logistic(LOGITS).mean(axis=1))
    p = np.random.default_rng(3).uniform(0, 0.02, size=LOGITS.shape)
    real, fake = _call(0, p + 0.9, -wide), _call(1, p, wide, "direct")
    bounded, _ = _resolved(real, fake, _call(0, p, -1 / (1 - p), "direct", "asked"))
    np.testing.assert_allclose(bounded["scalar/pull/passed"], p.mean(axis=1))


def test_small_batches_are_looked_at_together():
    """Four samples a step tell no shape; those of some steps do, and of one step nothing is said."""
    few, wide = LOGITS[:, :4], np.ones((K, 4))
    calls = _call(0, few + 9, -wide), _call(1, few, wide, "direct"), _call(0, few, -logistic(few), "direct", "asked")
    known, _ = _resolved(*calls)
    expected = np.where(np.arange(K) < 7, np.nan, logistic(few).mean(axis=1))
    np.testing.assert_allclose(known["scalar/pull/passed"], expected)
    attribution, by_block = None, []
    for row in range(K):  # in blocks of one step each
        found, attribution = _resolved(*_rows(calls, row), attribution=attribution, rows=1)
        by_block.append(found["scalar/pull/passed"][0])
    np.testing.assert_allclose(by_block, expected)


def _rows(calls, row):
    return [{key: values[row : row + 1] for key, values in call.items()} for call in calls]


def test_patches_are_looked_at_one_by_one():
    """What D says of a sample is their mean, of which the saturating loss is no function."""
    maps = np.random.default_rng(5).normal(-6, 3, size=(K, 4, 9))
    passed = logistic(maps)
    single = np.stack([maps.reshape(K, -1), -passed.reshape(K, -1)], axis=1)
    own = _call(0, maps.mean(axis=2), -passed.sum(axis=2), "direct", "asked", single=single)
    wide = np.ones((K, 4))
    known, _ = _resolved(_call(0, wide * 5, -wide), _call(1, maps.mean(axis=2), wide, "direct"), own)
    np.testing.assert_allclose(known["scalar/pull/passed"], passed.mean(axis=(1, 2)))

"""Path-angles of games that attract, rotate, or do both."""

from __future__ import annotations

import math

import numpy as np
import pytest
from games import bilinear, cosine_of_linear_game, dirac, game, mixed, passing, point, quadratic

from gandiag.dynamics import SignatureRules, classify, path_angle


@pytest.mark.parametrize(
    ("losses", "attraction", "rotation", "kind"),
    [
        (quadratic, 1.0, 0.0, "attraction"),
        (bilinear, 0.0, 1.0, "rotation"),
        (mixed(1.0, 1.0), 1.0, 1.0, "mixture"),
        (mixed(1.0, 0.2), 1.0, 0.2, "attraction"),
        (mixed(0.05, 1.0), 0.05, 1.0, "rotation"),
    ],
)
def test_a_linear_game_has_the_angle_of_the_closed_form_and_its_signature(losses, attraction, rotation, kind):
    """Past the centre at 1/50 of the path's length: switch, bump, or both."""
    first, last = passing(0.02)
    found = path_angle(game(losses), first, last)
    expected = cosine_of_linear_game(found.a, attraction, rotation, 0.02)
    assert found.cosine == pytest.approx(expected, abs=1e-9)
    assert found.signature.kind == kind
    assert found.distance == pytest.approx(1.0)
    speed = attraction**2 + rotation**2
    assert found.path_norm == pytest.approx(speed * ((1 - found.a) ** 2 + 0.02**2))


def test_the_path_is_that_of_the_paper():
    """100 points from -0.1 to 1.1, at equal distances, with both losses."""
    found = path_angle(game(quadratic), *passing(0.02))
    assert found.a == pytest.approx(np.linspace(-0.1, 1.1, 100))
    assert found.loss_generator == pytest.approx((1 - found.a) ** 2 / 2)
    assert found.loss_discriminator == pytest.approx(0.02**2 / 2)


@pytest.mark.parametrize("side", [1, -1])
def test_rotation_may_run_either_way(side):
    """A bump down counts like a bump up."""
    found = path_angle(game(mixed(0.0, side)), *passing(0.02))
    assert found.signature.kind == "rotation"
    assert np.sign(found.cosine[np.abs(found.cosine).argmax()]) == side


def test_a_last_checkpoint_that_repels_is_no_attraction():
    """The same curve with the sign turned round."""
    found = path_angle(game(mixed(-1.0, 0.0)), *passing(0.02))
    assert found.signature.kind == "undecided"
    assert "repels" in found.signature.reason


def test_attraction_elsewhere_is_undecided():
    """A centre beyond the path's end: the cosine keeps its sign, without a bump."""
    found = path_angle(game(quadratic), point(2.0, 0.0), point(1.0, 0.0))
    assert found.cosine == pytest.approx(1.0)
    assert found.signature.kind == "undecided"


def test_swapping_first_and_last_is_not_the_same():
    """A path from the centre to the start shows nothing at its end."""
    first, last = passing(0.02)
    assert path_angle(game(quadratic), last, first).signature.kind == "undecided"


@pytest.mark.parametrize(("gamma", "kind"), [(0.0, "rotation"), (0.6, "mixture"), (2.0, "attraction")])
def test_dirac_gan_rotates_until_it_is_regularised(gamma, kind):
    """At the equilibrium R1 turns eigenvalues from the imaginary axis to the real one."""
    found = path_angle(game(dirac(gamma=gamma)), *dirac_path(gamma))
    assert found.signature.kind == kind


def dirac_path(gamma):
    """Along psi, past the equilibrium at theta = 0.01; with strong R1 along the slow direction, (0.966, 0.259)."""
    if gamma <= 1:
        return point(0.01, 0.5), point(0.01, 0.0)
    slow, fast = math.cos(math.radians(15)), math.sin(math.radians(15))
    return point(0.5 * slow, 0.5 * fast), point(0.0, 0.0)


def test_a_stationary_point_on_the_path_has_no_angle():
    """NaN where the field vanishes; the curve around it still decides."""
    found = path_angle(game(quadratic), point(1.0, 0.0), point(0.0, 0.0), points=17, ends=(0.75, 1.25))
    assert np.isnan(found.cosine).sum() == 1
    assert found.path_norm[np.isnan(found.cosine)] == 0
    assert found.signature.kind == "attraction"


def test_rules_bound_what_counts():
    """A bump of 1 - cos(arctan(1/2)) = 0.106 passes the default bound and not a higher one."""
    a = np.linspace(0.9, 1.1, 2001)
    curve = cosine_of_linear_game(a, 1.0, 0.5, 0.001)
    assert classify(a, curve).kind == "mixture"
    assert classify(a, curve, SignatureRules(bump=0.12)).kind == "attraction"
    assert classify(a, curve / 100).kind == "undecided"
    assert classify(a[a < 1], curve[a < 1]).kind == "undecided"
    with pytest.raises(ValueError, match=r"bump must lie in \(0, 1\], found 0"):
        SignatureRules(bump=0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"points": 1}, "points must be at least 2, found 1"),
        ({"ends": (1.0, 0.0)}, "ends must ascend"),
        ({"last": point(1.0, 0.02)}, "the same weights"),
    ],
)
def test_what_makes_no_path_is_named(options, said):
    """One sentence each."""
    first, last = passing(0.02)
    with pytest.raises(ValueError, match=said):
        path_angle(game(quadratic), first, **{"last": last, **options})


def test_a_loss_that_is_no_number_beyond_the_end_is_named_with_its_place():
    """The user can then shorten the path."""
    logarithmic = game(lambda x, y: (y**2 + 0 * x, (1.05 - x).log() + 0 * y))
    with pytest.raises(ValueError, match=r"loss_g is nan at a = 1\.0[5-9]"):
        path_angle(logarithmic, point(0.0, 0.0), point(1.0, 0.0))
    assert len(path_angle(logarithmic, point(0.0, 0.0), point(1.0, 0.0), ends=(0.0, 1.0)).a) == 100

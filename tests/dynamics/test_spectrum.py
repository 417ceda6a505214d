"""Eigenvalues of games: those of Dirac-GAN in closed form, and Arnoldi's beside all of them."""

from __future__ import annotations

import math
from cmath import sqrt

import numpy as np
import pytest
import torch
from games import bilinear, consensus, dirac, game, mixed, point, quadratic
from torch import nn

from gandiag.dynamics import GameField, game_spectrum
from gandiag.dynamics.jacobian import Jacobian, arnoldi


def regularised(gamma: float) -> list[complex]:
    """gamma / 2 +- sqrt(gamma^2 / 4 - 1 / 4), in the convention of losses."""
    root = sqrt(gamma**2 / 4 - 0.25)
    return [gamma / 2 + root, gamma / 2 - root]


NOISE = 0.7
ROWS = {
    "GAN": (dirac(), [0.5j, -0.5j]),
    "NS-GAN": (dirac("non-saturating"), [0.5j, -0.5j]),
    "WGAN": (dirac("wgan"), [1j, -1j]),
    "R1 0.3": (dirac(gamma=0.3), regularised(0.3)),
    "R1 1": (dirac(gamma=1.0), [0.5, 0.5]),
    "R1 2": (dirac(gamma=2.0), regularised(2.0)),
    "NS + R1 0.3": (dirac("non-saturating", gamma=0.3), regularised(0.3)),
    "consensus": (consensus(dirac(), 1.0), [0.25 + 0.5j, 0.25 - 0.5j]),
    "instance noise": (
        dirac(noise=NOISE),
        [NOISE**2 / 4 + sqrt(NOISE**4 / 16 - 0.25), NOISE**2 / 4 - sqrt(NOISE**4 / 16 - 0.25)],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_dirac_gan_has_the_eigenvalues_of_the_closed_form(name):
    """Mescheder et al. 2018, with the sign of losses; a double eigenvalue keeps half of the digits."""
    losses, expected = ROWS[name]
    found = game_spectrum(game(losses), point(0.0, 0.0))
    assert found.eigenvalues == pytest.approx(sorted(expected, key=lambda value: (-abs(value), -value.imag)), abs=1e-7)
    assert found.gradient_norm == pytest.approx(0)
    assert (found.weights, found.method, found.products) == (2, "dense", 2)


@pytest.mark.parametrize("name", ["GAN", "NS-GAN", "WGAN"])
def test_a_pure_rotation_has_no_stable_step_and_is_not_unstable(name):
    """Eigenvalues on the imaginary axis: descent neither comes back nor leaves to first order."""
    found = game_spectrum(game(ROWS[name][0]))
    assert (found.rotation, found.unstable, found.largest_step) == (math.inf, False, 0.0)


def test_a_damped_rotation_converges_below_the_largest_step_and_not_above():
    """The bound 2 Re / |l|^2 separates convergence from divergence of simultaneous gradient descent."""
    field = game(mixed(0.3, 1.0))
    found = game_spectrum(field)
    assert found.rotation == pytest.approx(1 / 0.3)
    assert found.largest_step == pytest.approx(2 * 0.3 / (0.3**2 + 1))
    assert found.largest_step == pytest.approx((1 / 0.3) * 2 / (1 + (1 / 0.3) ** 2))
    jacobian = np.array([[0.3, 1.0], [-1.0, 0.3]])
    for share, converges in ((0.95, True), (1.05, False)):
        step = np.eye(2) - share * found.largest_step * jacobian
        assert (np.linalg.norm(np.linalg.matrix_power(step, 400) @ [1, 1]) < 1) == converges


def test_a_saddle_that_a_player_leaves_is_unstable():
    """A bowl turned over for D: Re < 0, and no step is small enough."""
    found = game_spectrum(game(lambda x, y: (-(y**2) / 2 + 0 * x, x**2 / 2)))
    assert found.unstable
    assert found.largest_step == 0.0
    attracting = game_spectrum(game(quadratic))
    assert (attracting.unstable, attracting.rotation, attracting.largest_step) == (False, 0.0, 2.0)


def test_a_flat_game_has_neither_rotation_nor_a_bound():
    """Gradients that are the same everywhere leave a Jacobian of zeros."""
    found = game_spectrum(game(lambda x, y: (y + x, x + y)))
    assert math.isnan(found.rotation)
    assert (found.unstable, found.largest_step) == (False, math.inf)
    assert found.gradient_norm == pytest.approx(math.sqrt(2))


def random_game(seed: int = 0, dtype: torch.dtype = torch.float64) -> GameField:
    """A generator and a discriminator of 61 weights in all, with curved losses."""
    torch.manual_seed(seed)
    generator = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2)).to(dtype)
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 1, bias=False)).to(dtype)
    latents, real = torch.randn(32, 2, dtype=dtype), torch.randn(32, 2, dtype=dtype) + 1

    def losses(g, d):
        on_fake, on_real = d(g(latents)), d(real)
        loss_d = nn.functional.softplus(-on_real).mean() + nn.functional.softplus(on_fake).mean()
        return loss_d, nn.functional.softplus(-on_fake).mean()

    return GameField(generator, discriminator, losses)


def test_arnoldi_finds_what_dense_finds():
    """On a random game of some 60 weights: the largest, the lowest, and what follows from them."""
    field = random_game()
    dense, found = (game_spectrum(field, method=m, k=8) for m in ("dense", "arnoldi"))
    assert 50 <= dense.weights <= 70
    assert len(dense.eigenvalues) == dense.weights
    assert np.abs(found.eigenvalues[:8]) == pytest.approx(np.abs(dense.eigenvalues[:8]), rel=1e-6)
    for value in found.eigenvalues:
        assert np.abs(dense.eigenvalues - value).min() < 1e-6 * abs(dense.eigenvalues[0])
    assert found.eigenvalues.real.min() == pytest.approx(dense.eigenvalues.real.min(), abs=1e-6)
    assert found.unstable == dense.unstable is True


def test_arnoldi_in_single_precision_agrees_within_its_rounding():
    """Products of float32 networks carry seven digits."""
    field = random_game(dtype=torch.float32)
    exact, found = (game_spectrum(field, method=m, k=4).eigenvalues for m in ("dense", "arnoldi"))
    assert np.abs(found[:4]) == pytest.approx(np.abs(exact[:4]), rel=1e-3)


def test_what_does_not_converge_is_said_to_be_undecided(monkeypatch):
    """Without a negative real part among what was found, stability is unknown, not given."""
    monkeypatch.setattr("gandiag.dynamics.jacobian.RESTARTS", 1)
    bowls = torch.linspace(1, 1.001, 40, dtype=torch.float64)
    field = GameField(
        nn.Linear(40, 1, bias=False).double(),
        nn.Linear(1, 1, bias=False).double(),
        lambda g, d: (d.weight.square().sum() + 0 * g.weight.sum(), (bowls * g.weight.square()).sum()),
    )
    assert game_spectrum(field, method="arnoldi", k=3).unstable is None
    assert game_spectrum(field, method="dense").unstable is False


def test_a_product_is_the_transposed_jacobians():
    """Against finite differences of the field of a game with an asymmetric Jacobian."""
    x, y = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (0.4, -0.7))

    def field(x, y):
        return [x**2 * y, torch.sin(x) + y**3]

    jacobian = Jacobian(field(x, y), [x, y])
    expected = np.array([[2 * 0.4 * -0.7, 0.4**2], [math.cos(0.4), 3 * 0.7**2]])
    assert jacobian.dense() == pytest.approx(expected)
    assert jacobian.transposed_product(np.array([1.0, 2.0])) == pytest.approx(expected.T @ [1.0, 2.0])


def test_arnoldi_starts_from_a_seed():
    """Twice the same numbers, whatever numpy's own state is."""
    spectra = []
    for noise in range(2):
        np.random.seed(noise)  # noqa: NPY002
        spectra.append(game_spectrum(random_game(), method="arnoldi", k=3).eigenvalues)
    assert np.array_equal(*spectra)


def test_a_field_that_is_constant_has_nothing_for_arnoldi():
    """ARPACK's own complaint does not reach the user."""
    weight = torch.ones(30, dtype=torch.float64, requires_grad=True)
    found = arnoldi(Jacobian([torch.ones(30, dtype=torch.float64)], [weight]), 3, "LM")
    assert np.abs(found.values).max(initial=0.0) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 0}, "k must be at least 1, found 0"),
        ({"method": "power"}, "method must be auto, dense or arnoldi, found 'power'"),
        ({"method": "arnoldi", "k": 1}, "k must be below 1"),
    ],
)
def test_bad_options_are_named(options, said):
    """One sentence each."""
    with pytest.raises(ValueError, match=said):
        game_spectrum(game(bilinear), **options)


def test_a_detached_generator_is_noticed():
    """Its Jacobian would silently lack a block."""
    with pytest.raises(ValueError, match="loss_d does not depend on the generator: losses must not detach"):
        game_spectrum(game(lambda x, y: (-x.detach() * y, x * y)))


def test_weights_pinned_at_the_clip_bound_do_not_move():
    """A critic pushed outward at its bound has a zero gradient there, and a zero row."""
    pushed = game(bilinear, x=0.5, y=1.0, clip=1.0)
    found = game_spectrum(pushed)
    assert found.gradient_norm == pytest.approx(1.0)  # of G alone: D's -x = -0.5 would push y beyond 1
    assert np.abs(found.eigenvalues).max() == 0
    inward = game_spectrum(game(bilinear, x=-0.5, y=1.0, clip=1.0))
    assert inward.gradient_norm == pytest.approx(math.hypot(1.0, 0.5))

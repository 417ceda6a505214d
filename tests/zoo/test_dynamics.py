"""How players move, in numbers that can be computed by hand on games of one parameter each."""

from __future__ import annotations

from dataclasses import replace
from math import exp, hypot, sqrt

import pytest
import torch
from torch import nn

from gandiag.zoo.dynamics import Alternating, Consensus, Extragradient, Simultaneous, Unrolled
from gandiag.zoo.events import Clip
from gandiag.zoo.losses import LOSSES, MINIMAX, WASSERSTEIN
from gandiag.zoo.networks.analytic import ShiftGenerator
from gandiag.zoo.networks.mlp import MlpDiscriminator, MlpGenerator
from gandiag.zoo.optimizers import Adam, Optimistic, OptimisticDescent, Sgd
from gandiag.zoo.training import train

H = 0.2  # learning rate of the recipes in conftest.py


def sigmoid(t: float) -> float:
    return 1 / (1 + exp(-t))


def wasserstein_radius(points, steps: int, **parts: object) -> float:
    """Distance from the equilibrium of min max psi * theta, from sqrt(2)."""
    return hypot(*points.where(train(points.recipe(loss=WASSERSTEIN, steps=steps, **parts))))


def test_simultaneous_players_both_move_from_where_the_other_was(points) -> None:
    game = points.game(loss=MINIMAX, dynamics=Simultaneous())
    game.dynamics(game)
    pull = H * sigmoid(-1)
    assert points.where(game) == pytest.approx((1 - pull, -1 - pull))


@pytest.mark.parametrize("generator_first", [False, True])
def test_alternating_players_see_each_others_last_move(points, generator_first: bool) -> None:
    game = points.game(loss=MINIMAX, dynamics=Alternating(generator_first=generator_first))
    game.dynamics(game)
    theta, psi = 1.0, -1.0
    if generator_first:
        theta += H * sigmoid(theta * psi) * psi
        psi -= H * sigmoid(theta * psi) * theta
    else:
        psi -= H * sigmoid(theta * psi) * theta
        theta += H * sigmoid(theta * psi) * psi
    assert points.where(game) == pytest.approx((theta, psi))


@pytest.mark.parametrize(("n_critic", "updates_d"), [(1, 7), (5, 35)])
def test_d_takes_n_critic_steps_for_one_of_g(points, n_critic: int, updates_d: int) -> None:
    counts = {"d": 0, "g": 0}
    game = points.game(dynamics=Alternating(n_critic))
    game.optimizer_d.register_step_post_hook(lambda *_: counts.update(d=counts["d"] + 1))
    game.optimizer_g.register_step_post_hook(lambda *_: counts.update(g=counts["g"] + 1))
    for _ in range(7):
        game.dynamics(game)
    assert counts == {"d": updates_d, "g": 7}


def test_two_time_scales(points) -> None:
    """TTUR: each player has a learning rate of its own."""
    rates = {"generator_optimizer": Sgd(0.1), "discriminator_optimizer": Sgd(0.4)}
    game = points.game(loss=MINIMAX, dynamics=Simultaneous(), **rates)
    game.dynamics(game)
    assert points.where(game) == pytest.approx((1 - 0.1 * sigmoid(-1), -1 - 0.4 * sigmoid(-1)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_simultaneous_gradients_are_those_of_backward(points, loss) -> None:
    """On networks with several layers, for every loss: one step of SGD along .grad of both losses."""
    parts = {"generator": MlpGenerator(8, 1), "discriminator": MlpDiscriminator(8, 1), "latent": 3, "loss": loss}
    game, twin = points.game(dynamics=Simultaneous(), **parts), points.game(**parts)
    torch.manual_seed(5)
    game.dynamics(game)
    torch.manual_seed(5)
    of_d = torch.autograd.grad(twin.discriminator_loss(), list(twin.discriminator.parameters()))
    of_g = torch.autograd.grad(twin.generator_loss(), list(twin.generator.parameters()))
    for network, start, slopes in (
        (game.discriminator, twin.discriminator, of_d),
        (game.generator, twin.generator, of_g),
    ):
        for moved, weight, slope in zip(network.parameters(), start.parameters(), slopes, strict=True):
            assert torch.allclose(moved, weight - H * slope, atol=1e-6)


def test_consensus_follows_the_exact_gradient(points) -> None:
    """In the sign of Mescheder et al. (psi turned around), |v|^2 / 2 = (theta^2 + psi^2) f'(theta psi)^2 / 2."""
    game = points.game(loss=MINIMAX, dynamics=Consensus(0.5))
    game.dynamics(game)
    theta = psi = 1.0
    slope, bend = sigmoid(-theta * psi), -sigmoid(-theta * psi) * sigmoid(theta * psi)
    square = theta**2 + psi**2
    more_theta = theta * slope**2 + square * slope * bend * psi
    more_psi = psi * slope**2 + square * slope * bend * theta
    expected = (theta + H * (-psi * slope - 0.5 * more_theta), -(psi + H * (theta * slope - 0.5 * more_psi)))
    assert points.where(game) == pytest.approx(expected)


def test_consensus_without_weight_is_simultaneous_descent(points) -> None:
    game, plain = points.game(dynamics=Consensus(0.0)), points.game(dynamics=Simultaneous())
    for each in (game, plain):
        each.dynamics(each)
    assert points.where(game) == pytest.approx(points.where(plain))


@pytest.mark.parametrize("generator_first", [False, True])
def test_alternating_consensus_moves_the_players_in_turn(points, generator_first: bool) -> None:
    game = points.game(loss=WASSERSTEIN, dynamics=Consensus(1.0, generator_first=generator_first, alternating=True))
    game.dynamics(game)
    # L_D = psi theta, L_G = -psi theta, |v|^2 / 2 = (theta^2 + psi^2) / 2
    theta, psi = 1.0, -1.0
    if generator_first:
        theta -= H * (-psi + theta)
        psi -= H * (theta + psi)
    else:
        psi -= H * (theta + psi)
        theta -= H * (-psi + theta)
    assert points.where(game) == pytest.approx((theta, psi))


def test_plain_descent_spirals_out_of_the_bilinear_game(points) -> None:
    """Each step multiplies the radius by sqrt(1 + h^2)."""
    radius = wasserstein_radius(points, 60, dynamics=Simultaneous())
    assert radius == pytest.approx(sqrt(2) * (1 + H**2) ** 30, rel=1e-4)


def test_extragradient_spirals_into_it(points) -> None:
    """Each step multiplies the radius by sqrt((1 - h^2)^2 + h^2) < 1."""
    radius = wasserstein_radius(points, 60, dynamics=Extragradient())
    assert radius == pytest.approx(sqrt(2) * ((1 - H**2) ** 2 + H**2) ** 30, rel=1e-4)


def test_optimistic_descent_spirals_into_it(points) -> None:
    optimistic = {"generator_optimizer": Optimistic(H), "discriminator_optimizer": Optimistic(H)}
    radii = [wasserstein_radius(points, n, dynamics=Simultaneous(), **optimistic) for n in (1, 100, 300)]
    assert radii[0] == pytest.approx(sqrt(2 * (1 + H**2)))  # the first step has no past: a plain one
    assert radii[1] < 0.3
    assert radii[2] < 0.01


def test_optimistic_steps_by_hand() -> None:
    """w <- w - lr (2 g_t - g_{t-1}) for gradients 1, 3, 2; a parameter without gradient stays."""
    weight, idle = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(1))
    optimizer = OptimisticDescent([weight, idle], lr=0.1)
    for gradient in (1.0, 3.0, 2.0):
        weight.grad = torch.full((1,), gradient)
        optimizer.step()
    assert weight.item() == pytest.approx(-0.1 * (1 + (6 - 1) + (4 - 3)))
    assert idle.item() == 1


def test_optimistic_training_learns_the_mean_of_a_gaussian(points) -> None:
    """The game of Daskalakis et al. 2018, section 3: the mean comes closer, where plain descent moves away."""
    torch.manual_seed(0)
    data = points.table("centred", torch.randn(256, 2))
    data = replace(data, samples=data.samples - data.samples.mean(dim=0))
    parts = {"data": lambda: data, "generator": ShiftGenerator(2.0), "latent": 2, "batch": 4096, "steps": 150}
    ends = []
    for rule in (Sgd(0.2), Optimistic(0.2)):
        rules = {"generator_optimizer": rule, "discriminator_optimizer": rule, "dynamics": Simultaneous()}
        game = train(points.recipe(loss=WASSERSTEIN, **parts, **rules))
        ends.append(float(game.generator.mean.detach().norm()))
    assert ends[0] > 2
    assert ends[1] < 0.5


def test_unrolling_by_hand(points) -> None:
    """One unrolled step: G descends -softplus(theta psi_1), psi_1 = psi - lr sigmoid(theta psi) theta."""
    lr, theta, psi = 0.3, 1.0, -1.0
    game = points.game(loss=MINIMAX, dynamics=Unrolled(k=1, lr=lr))
    game.dynamics(game)
    psi -= H * sigmoid(theta * psi) * theta  # D's ordinary step
    share = sigmoid(theta * psi)
    ahead = psi - lr * share * theta
    bend = -lr * (share * (1 - share) * psi * theta + share)
    theta += H * sigmoid(theta * ahead) * (ahead + theta * bend)
    assert points.where(game) == pytest.approx((theta, psi))


def test_unrolling_no_step_is_plain_training(points) -> None:
    parts = {"generator": MlpGenerator(8, 1), "discriminator": MlpDiscriminator(8, 1), "latent": 3}
    plain, unrolled = (train(points.recipe(dynamics=d, **parts)) for d in (Alternating(), Unrolled(k=0)))
    for a, b in zip(plain.generator.parameters(), unrolled.generator.parameters(), strict=True):
        assert torch.equal(a, b)


def test_unrolling_leaves_d_where_its_ordinary_step_took_it(points) -> None:
    plain, unrolled = (points.game(dynamics=d) for d in (Alternating(), Unrolled(k=5, lr=1.0)))
    for game in (plain, unrolled):
        game.dynamics(game)
    assert points.where(plain)[1] == points.where(unrolled)[1]
    assert points.where(plain)[0] != points.where(unrolled)[0]
    assert isinstance(unrolled.discriminator, nn.Linear)


def test_the_moving_average_of_g(points) -> None:
    """From the weights after the first update: average <- 0.9 average + 0.1 weights."""
    seen: list[float] = []
    recipe = points.recipe(average=0.9, steps=4)
    game = train(recipe, after_step=lambda g, _: seen.append(points.where(g)[0]))
    expected = seen[0]
    for theta in seen[1:]:
        expected = 0.9 * expected + 0.1 * theta
    assert game.average is not None
    assert game.average.module.theta.item() == pytest.approx(expected)
    assert points.game().average is None


def test_the_moving_average_keeps_running_statistics_too(points) -> None:
    network = {"generator": MlpGenerator(8, 1), "discriminator": MlpDiscriminator(8, 1), "latent": 3}
    seen: list[torch.Tensor] = []
    game = train(
        points.recipe(average=0.5, steps=3, **network),
        after_step=lambda g, _: seen.append(g.generator[1].running_mean.clone()),
    )
    assert torch.allclose(game.average.module[1].running_mean, (seen[0] / 2 + seen[1] / 2) / 2 + seen[2] / 2)


def test_a_clipped_critic_stays_within_its_bound_from_the_first_step(points) -> None:
    largest: list[float] = []

    def note(game, _step: int) -> None:
        largest.append(max(float(w.detach().abs().max()) for w in game.discriminator.parameters()))

    parts = {"discriminator": MlpDiscriminator(8, 2), "loss": WASSERSTEIN, "constraint": Clip(0.05).constrain}
    train(points.recipe(**parts), after_step=note)
    assert largest == pytest.approx([0.05] * 5)


@pytest.mark.parametrize(
    "dynamics", [Alternating(2), Simultaneous(), Consensus(0.1), Extragradient(), Unrolled(2)], ids=repr
)
def test_training_is_repeatable(points, dynamics) -> None:
    parts = {"generator": MlpGenerator(8, 1), "discriminator": MlpDiscriminator(8, 1), "latent": 3}
    recipe = points.recipe(dynamics=dynamics, generator_optimizer=Adam(), **parts)
    first, again = train(recipe), train(recipe)
    other = train(replace(recipe, seed=1))
    weights = [torch.cat([w.flatten() for w in g.generator.parameters()]) for g in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])

"""A layer that no longer learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.detectors.dead_layer import DeadLayer
from gandiag.judge.diagnose import diagnose

CERTAIN_AFTER = 250

DETECT = DeadLayer()
STEPS = np.arange(1, 3001)
LATE = STEPS >= 1500


def run_with(**columns):
    run = synthetic.healthy()
    return replace(run, scalars=run.scalars.assign(**columns))


def layers(net, factor, which=(0, 2, 4)):
    """The healthy layers of a network, some of them multiplied by a factor, a number or (3000,)."""
    frame = synthetic.healthy().scalars
    return {name: frame[name] * factor for layer in which for name in [f"grad/{net}/layer/{layer}"]}


@pytest.mark.parametrize("net", ["generator", "discriminator"])
@pytest.mark.parametrize("seed", range(3))
def test_a_layer_that_dies_is_found_where_it_does(net, seed):
    """In either network, dated within 50 steps, named with the one before it, which starves; it does not come back."""
    (found,) = DETECT(synthetic.dead_layer(at=1500, seed=seed, net=net))
    assert abs(found.onset_step - 1500) <= 50
    assert (found.severity, found.ongoing) == ("failure", True)
    assert f"Layers 0, 2 of the {net} lost" in found.summary
    assert {f"grad/{net}/layer/0", f"grad/{net}/layer/2"} <= set(found.columns)
    assert found.remedies[0].name == "fresh-layer"


def test_a_network_of_which_only_the_last_bias_learns_is_dead():
    """All weights' gradients are gone, the network's whole gradient is not, nor is the feedback."""
    (found,) = DETECT(run_with(**layers("generator", np.where(LATE, 0.0, 1.0))))
    assert "Layers 0, 2, 4 of the generator" in found.summary


def test_a_discriminator_cut_off_from_its_inputs_is_dead_though_its_last_bias_comes_to_rest():
    """Nothing passes its ReLUs: outputs are all the same, so that the bias has soon settled, too."""
    norm = synthetic.healthy().scalars["grad/discriminator/norm"] * np.where(LATE, 1e-6, 1.0)
    cut_off = {"grad/discriminator/norm": norm, "feedback/norm": np.where(LATE, 0.0, 1.0)}
    (found,) = DETECT(run_with(**layers("discriminator", np.where(LATE, 0.0, 1.0)), **cut_off))
    assert "Layers 0, 2, 4 of the discriminator lost" in found.summary
    assert found.severity == "failure"


def test_a_network_that_learns_nothing_at_all_is_dead():
    """Biases included, while D's feedback reaches G."""
    norm = synthetic.healthy().scalars["grad/generator/norm"].where(~LATE, 0.0)
    (found,) = DETECT(run_with(**layers("generator", np.where(LATE, 0.0, 1.0)), **{"grad/generator/norm": norm}))
    assert all(e.value < e.threshold for e in found.evidence)


def test_layers_that_fade_with_the_feedback_are_not_dead():
    """Vanishing gradients: everything falls together, and D is the one who says nothing."""
    fading = 10.0 ** (-6 * np.clip((STEPS - 1500) / 100, 0, 1))
    frame = synthetic.healthy().scalars
    rest = {name: frame[name] * fading for name in ("feedback/norm", "grad/generator/norm")}
    assert DETECT(run_with(**layers("generator", fading), **rest)) == []
    assert len(DETECT(run_with(**layers("generator", fading)))) == 1


@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_a_network_that_comes_to_rest_is_not_dead(net):
    """Its layers and its whole gradient shrink alike while the other one is still told something."""
    fading = 10.0 ** (-6 * np.clip((STEPS - 1500) / 100, 0, 1))
    name = f"grad/{net}/norm"
    assert DETECT(run_with(**layers(net, fading), **{name: synthetic.healthy().scalars[name] * fading})) == []


def test_a_layer_that_always_had_little_is_alive():
    """A ten-thousandth of the others' gradient, as much as ever."""
    assert DETECT(run_with(**layers("generator", 1e-4, which=(0,)))) == []


@pytest.mark.parametrize("factor", [1e3, np.where(LATE, 1e3, 1.0), np.where(LATE, 1.0, 0.0)])
def test_more_gradient_is_no_death(factor):
    """Direction: a layer that has much more than the others, and one that comes to life at step 1500 and stays so."""
    assert all(not f.ongoing for f in DETECT(run_with(**layers("generator", factor, which=(2,)))))


def test_a_layer_that_never_had_a_gradient_is_a_warning():
    """It may be unused instead."""
    (found,) = DETECT(run_with(**layers("discriminator", 0.0, which=(4,))))
    assert (found.severity, found.onset_step <= 50) == ("warning", True)
    assert found.summary == "Layer 4 of the discriminator never had a gradient: dead from the start, or unused"
    assert found.remedies[0].name == "leaky-relu"


@pytest.mark.parametrize("before", [0.0, np.nan])
@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_the_layers_of_an_earlier_stage_are_not_dead(net, before):
    """A growing network fades one path out while another, which had no gradient before, fades in."""
    old, new = np.clip((1500 - STEPS) / 500, 0, 1), np.where(STEPS < 1000, before, 1.0)
    found = DETECT(run_with(**layers(net, old, which=(2,)), **layers(net, new, which=(4,))))
    assert all(f.severity == "info" for f in found)
    assert any("newer layers have taken over" in f.summary for f in found)


def test_a_layer_that_dies_long_after_the_network_has_grown_is_dead():
    """With the newest layer before it, which starves."""
    new = np.where((STEPS < 500) | LATE, 0.0, 1.0)
    run = run_with(
        **layers("generator", np.where(LATE, 0.0, 1.0), which=(0, 2)), **layers("generator", new, which=(4,))
    )
    assert [f.severity for f in DETECT(run) if f.ongoing] == ["failure"]


def test_many_layers_are_counted():
    """Three by name."""
    late = np.where(STEPS % 10 == 0, np.where(LATE, 0.0, 0.3), np.nan)
    (found,) = DETECT(run_with(**{f"grad/generator/layer/main.{i}.weight": late for i in range(9)}))
    assert "Layers main.0.weight, main.1.weight, main.2.weight and 6 more of the generator" in found.summary


def test_without_feedback_the_networks_whole_gradient_tells():
    """Where D's input gradient was not recorded."""
    run = synthetic.dead_layer()
    (found,) = DETECT(replace(run, scalars=run.scalars.drop(columns="feedback/norm")))
    assert abs(found.onset_step - 1500) <= 50


def test_layers_recorded_too_seldom_are_not_assessed():
    """Every hundredth step is enough, every five-hundredth is not; without any layer that is said."""
    run = synthetic.dead_layer()
    for every, codes in ((100, []), (500, ["dead-layer"])):
        kept = {
            name: run.scalars[name].where(run.scalars.index % every == 0)
            for name in run.names("grad/<net>/layer/<layer>")
        }
        diagnosis = diagnose(replace(run, scalars=run.scalars.assign(**kept)), [DETECT])
        assert [n.code for n in diagnosis.not_assessed] == codes
        assert len(diagnosis.findings) == (0 if codes else 1)
    bare = run.scalars.drop(columns=run.names("grad/<net>/layer/<layer>"))
    (entry,) = diagnose(replace(run, scalars=bare), [DETECT]).not_assessed
    assert entry.missing == ("grad/<net>/layer/<layer>",)
    assert "grad_norms" in entry.how_to


def test_a_generator_whose_latents_are_zeros_may_have_no_dead_layer():
    """Its first layer never gets a gradient; any other layer has its own reasons."""
    (first,) = DETECT(run_with(**layers("generator", 0.0, which=(0,))))
    assert "zeros for latents" in first.summary
    assert first.remedies[0].name == "fresh-latents"
    (last,) = DETECT(run_with(**layers("generator", 0.0, which=(4,))))
    assert "latents" not in last.summary


def test_a_dead_generator_whose_samples_are_alike_is_one_story():
    """What no latent passes is the cause of a collapse."""
    run = synthetic.mode_collapse(at=1500)
    dead = {n: v.where((v.index < 1500) | v.isna(), 0.0) for n, v in run.scalars.items() if "generator/layer/0" in n}
    story = diagnose(replace(run, scalars=run.scalars.assign(**dead))).story
    assert story.root == "dead-layer"
    assert "latents no longer reach the samples" in story.sentence

"""Several networks in one role: each is judged by itself, findings name it, and none hides behind the others."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

import gandiag
from gandiag import synthetic
from gandiag.findings import Diagnosis
from gandiag.judge.diagnose import diagnose
from gandiag.judge.live import History, Judge
from gandiag.judge.networks import networks_of, owner, parts_of
from gandiag.measure.combining import combined
from gandiag.rundir.run import Run
from gandiag.signals.names import parse

HEADS = ("d", "diversity", "distance", "centre", "range", "penalty", "bins", "feedback")


def named(run, generator, discriminator):
    """The signals of a run as those of one pair of several."""
    names = {}
    for column in run.scalars:
        role, _, _ = owner(column, {"generator": (), "discriminator": ()})
        network = {"generator": generator, "discriminator": discriminator}.get(role)
        head, _, layer = column.partition("/layer/")
        if network and layer:
            names[column] = f"{head}/layer/{network}.{layer}"
        elif network:
            names[column] = str(parse(column).of(network))
    return run.scalars[list(names)].rename(columns=names)


def together(*pairs, known=True):
    """One run of several (name of G, name of D, run)."""
    frames = [named(run, g, d) for g, d, run in pairs]
    joined = pd.concat(frames, axis=1)
    joined = joined.loc[:, ~joined.columns.duplicated()]
    shared = combined({name: joined[name].to_numpy() for name in joined})
    first = pairs[0][2]
    common = [c for c in first.scalars if not owner(c, {"generator": (), "discriminator": ()})[0]]
    common = [c for c in common if not c.startswith(("modes/", "quality/"))]
    scalars = pd.concat([joined, pd.DataFrame(shared, index=joined.index), first.scalars[common]], axis=1)
    roles = {f"generator.{g}": {} for g, _, _ in pairs} | {f"discriminator.{d}": {} for _, d, _ in pairs}
    meta = first.meta | {"roles": roles}
    if known:
        meta["pairs"] = {f"discriminator.{d}": [f"generator.{g}"] for g, d, _ in pairs}
    return Run(scalars=scalars, meta=meta)


def without_modes(run):
    return replace(run, scalars=run.scalars[[c for c in run.scalars if not c.startswith(("modes/", "quality/"))]])


HEALTHY = [without_modes(synthetic.healthy(seed=seed)) for seed in range(3)]


def collapsed(run):
    low = np.where(run.scalars.index > 1500, 0.01, 1.0)
    names = ("diversity/ratio", "diversity/nearest_ratio")
    return replace(run, scalars=run.scalars.assign(**{n: run.scalars[n] * low for n in names}))


@pytest.mark.parametrize("place", range(3))
def test_a_dead_generator_among_three_is_named(place):
    """Wherever it stands; the verdict is that of the worst, and the others are not accused."""
    runs = [collapsed(run) if i == place else run for i, run in enumerate(HEALTHY)]
    diagnosis = diagnose(together(*((f"g{i}", f"d{i}", run) for i, run in enumerate(runs))))
    assert diagnosis.verdict == "failing"
    assert {f.code for f in diagnosis.findings} == {"sample-collapse"}
    assert {f.network for f in diagnosis.findings} == {f"g{place} and d{place}"}
    assert f"diversity.d{place}/ratio" in diagnosis.findings[0].columns
    back = Diagnosis.from_dict(json.loads(json.dumps(diagnosis.to_dict())))
    assert back.findings == diagnosis.findings


def test_three_healthy_pairs_are_healthy():
    """Nothing is made up, and everything was looked for in each."""
    diagnosis = diagnose(together(*((f"g{i}", f"d{i}", run) for i, run in enumerate(HEALTHY))))
    assert (diagnosis.verdict, diagnosis.decided, diagnosis.findings) == ("healthy", True, ())
    assert "sample-collapse" in diagnosis.clean


def test_pairs_that_are_not_known_are_judged_apart():
    """As in records of before pairs were noted: each D with what it sees, each G by its gradients."""
    runs = [HEALTHY[0], collapsed(HEALTHY[1])]
    diagnosis = diagnose(together(*((f"g{i}", f"d{i}", run) for i, run in enumerate(runs)), known=False))
    assert [(f.code, f.network) for f in diagnosis.findings] == [("sample-collapse", "d1")]
    assert diagnose(together(("a", "x", HEALTHY[0]), ("b", "y", HEALTHY[1]), known=False)).verdict == "healthy"


@pytest.mark.parametrize("noted", [None, "all", {"discriminator.d0": 3}, {"discriminator.d0": [["x"], None]}])
def test_pairs_that_make_no_sense_count_as_not_known(noted):
    """A run.json that somebody edited."""
    run = together(("g0", "d0", HEALTHY[0]), ("g1", "d1", HEALTHY[1]))
    parts = parts_of(replace(run, meta=run.meta | {"pairs": noted})).networks
    assert [part.name for part in parts] == ["d0", "d1", "g0", "g1"]


def test_what_several_share_is_told_once():
    """The gradients of the one generator of two discriminators explode: one finding, of no network in particular."""
    run, exploding = HEALTHY[0], HEALTHY[0].scalars["grad/generator/norm"].copy()
    exploding.loc[2000:] *= 1000
    run = replace(run, scalars=run.scalars.assign(**{"grad/generator/norm": exploding}))
    both = together(("g", "x", run), ("g", "y", run))
    scalars = both.scalars.rename(columns={"grad/generator.g/norm": "grad/generator/norm"})
    both = replace(both, scalars=scalars.loc[:, ~scalars.columns.duplicated()])
    found = diagnose(both).findings
    assert [(f.code, f.network) for f in found if f.code == "exploding-gradients"] == [("exploding-gradients", "")]


def test_a_pair_that_was_never_attributed_is_not_assessed_by_name():
    """What is known of one discriminator says nothing of the other."""
    run = together(("g0", "d0", HEALTHY[0]), ("g1", "d1", HEALTHY[1]))
    lacking = [c for c in run.scalars if parse(c).network == "d1" and parse(c).head in HEADS]
    diagnosis = diagnose(replace(run, scalars=run.scalars.drop(columns=lacking)))
    assert (diagnosis.verdict, diagnosis.decided) == ("undecided", False)
    named_codes = {n.code for n in diagnosis.not_assessed if n.network == "g1 and d1"}
    assert {"sample-collapse", "vanishing-gradients", "discriminator-dominance"} <= named_codes
    assert not any(n.network == "g0 and d0" for n in diagnosis.not_assessed)


def test_generators_of_one_discriminator_need_samples_of_their_own():
    """What it sees is a mixture of theirs: one of them may be dead in it."""
    run = together(("g0", "d", HEALTHY[0]), ("g1", "d", HEALTHY[1]))
    run = replace(run, scalars=run.scalars.assign(**{"diversity.g0/latent": 1.0, "diversity.g1/latent": 1.0}))
    diagnosis = diagnose(run)
    assert diagnosis.verdict == "undecided"
    assert {n.network for n in diagnosis.not_assessed if n.code == "sample-collapse"} == {"g0", "g1"}


def test_one_network_in_each_role_is_one_part():
    """Named or not, it is judged as ever."""
    run = synthetic.healthy()
    assert parts_of(run).networks == ()
    only = together(("a", "b", HEALTHY[0]))
    assert networks_of(only) == {"generator": ["a"], "discriminator": ["b"]}
    assert parts_of(only).networks == ()


def test_live_and_offline_find_the_same():
    """The judge of a running training splits its history as the reader of a run directory does."""
    run = together(("g0", "d0", HEALTHY[0]), ("g1", "d1", collapsed(HEALTHY[1])))
    history = History()
    history.append(run.scalars.index.to_numpy(), {str(n): v.to_numpy() for n, v in run.scalars.items()})
    judge = Judge(None, every=200)
    new = judge.judge(history.run(run.meta))
    assert judge.diagnosis.to_dict() == diagnose(run).to_dict()
    assert [f.network for f in new] == ["g1 and d1"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("diversity/ratio", 0.1),
        ("d/lipschitz", 4.0),
        ("d/real/min", -3.0),
        ("d/real/mean", 2.0),
        ("centre/fake/1", 2.0),
    ],
)
def test_a_signal_of_all_is_that_of_the_worst(name, expected):
    """Low diversity, a steep D; means where neither direction is worse; one that is NaN does not count."""
    values = {"diversity/ratio": (0.1, 1.0), "d/lipschitz": (1.0, 4.0), "d/real/min": (-3.0, 0.0)}.get(name, (1.0, 3.0))
    columns = {str(parse(name).of(n)): np.array([v]) for n, v in zip("ab", values, strict=True)}
    columns[str(parse(name).of("c"))] = np.array([np.nan])
    assert combined(columns)[name].tolist() == [expected]


class Ring(nn.Module):
    """Samples of a ring, times weights: there is nothing to learn."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return ring(len(latents)) * self.weight


class Point(Ring):
    """One sample, whatever the latents."""

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return (torch.tensor([2.0, 0.0]) + latents[:, :2] * 1e-4) * self.weight


def ring(n):
    angle = torch.randint(8, (n,)) * 6.2832 / 8
    return 2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


def trained(run_dir, generators, steps, bypassed=()):
    """A loop of pairs that play on their own; hooks on those in `bypassed` see nothing."""
    torch.manual_seed(0)
    critics = [nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)) for _ in generators]
    adam_g = torch.optim.Adam([p for g in generators for p in g.parameters()], 1e-4)
    adam_d = torch.optim.Adam([p for d in critics for p in d.parameters()], 1e-3)
    calls = [g.forward if g in bypassed else g for g in generators]
    gs, ds = ({f"{letter}{i}": net for i, net in enumerate(of)} for letter, of in (("g", generators), ("d", critics)))
    with gandiag.attach(gs, ds, run_dir=run_dir, alerts=False):
        for _ in range(steps):
            pairs = list(zip(calls, critics, strict=True))
            adam_d.zero_grad()
            loss = sum(
                bce(d(ring(64)), torch.ones(64, 1)) + bce(d(g(torch.randn(64, 4)).detach()), torch.zeros(64, 1))
                for g, d in pairs
            )
            loss.backward()
            adam_d.step()
            adam_g.zero_grad()
            sum(bce(d(g(torch.randn(64, 4))), torch.ones(64, 1)) for g, d in pairs).backward()
            adam_g.step()
    return Run.open(run_dir)


def test_networks_with_names_that_are_alone_are_recorded_as_those_without(tmp_path, tiny):
    """A dictionary of one gives all that a module gives."""
    for name in ("plain", "named"):
        gan = tiny()
        networks = gan.generator, gan.discriminator
        if name == "named":
            networks = {"a": gan.generator}, {"b": gan.discriminator}
        with gandiag.attach(*networks, run_dir=tmp_path / name, alerts=False):
            gan.train(210)
    plain, other = (Run.open(tmp_path / name).scalars for name in ("plain", "named"))
    shared = [c for c in plain if "/layer/" not in c]
    assert set(shared) <= set(other)
    assert parts_of(Run.open(tmp_path / "named")).networks == ()
    pd.testing.assert_frame_equal(plain[shared], other[shared])


def test_of_one_discriminator_each_generator_is_judged_by_its_own_samples(tmp_path):
    """D sees a mixture of both, in which the dead one hides."""
    torch.manual_seed(0)
    generators, critic = {"good": Ring(), "dead": Point()}, nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    adam_g = torch.optim.Adam([p for g in generators.values() for p in g.parameters()], 1e-4)
    adam_d = torch.optim.Adam(critic.parameters(), 1e-3)
    with gandiag.attach(generators, critic, run_dir=tmp_path / "run", alerts=False):
        for _ in range(1400):
            adam_d.zero_grad()
            fakes = [critic(g(torch.randn(32, 4)).detach()) for g in generators.values()]
            loss = bce(critic(ring(64)), torch.ones(64, 1)) + sum(bce(fake, torch.zeros(32, 1)) for fake in fakes)
            loss.backward()
            adam_d.step()
            adam_g.zero_grad()
            sum(bce(critic(g(torch.randn(32, 4))), torch.ones(32, 1)) for g in generators.values()).backward()
            adam_g.step()
    run = Run.open(tmp_path / "run")
    assert networks_of(run) == {"generator": ["good", "dead"], "discriminator": []}
    assert run.series("diversity.dead/ratio").median() < 0.01
    assert run.series("diversity.good/ratio").median() > 0.8
    diagnosis = diagnose(run)
    assert diagnosis.verdict == "failing"
    assert {f.network for f in diagnosis.findings if f.code == "sample-collapse" and f.severity == "failure"} == {
        "dead"
    }


def test_who_plays_with_whom_is_recorded(tmp_path):
    """From the samples that each discriminator is trained on; each has cells and signals of its own."""
    run = trained(tmp_path / "run", [Ring(), Point()], steps=150)
    assert run.meta["pairs"] == {"discriminator.d0": ["generator.g0"], "discriminator.d1": ["generator.g1"]}
    assert [part.name for part in parts_of(run).networks] == ["g0 and d0", "g1 and d1"]
    assert run.scalars["bins.d1/lost"].max() > 0.5 > run.scalars["bins.d0/lost"].max()
    assert run.scalars["diversity/ratio"].median() < 0.01

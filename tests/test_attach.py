"""Attaching to a torch loop: right values, nothing changed, nothing broken."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import random

import numpy as np
import pytest
import torch
from torch import nn

import gandiag
from gandiag.probes.attribution import Call
from gandiag.rundir.run import Run, RunError


def test_recorded_values_equal_those_computed_by_hand_in_the_loop(tiny, tmp_path):
    """Every default signal agrees with a naive computation at the same step."""
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run") as callback:
        gan.train(30, callback)
    run = Run.open(tmp_path / "run")
    assert list(run.scalars.index) == list(range(1, 31))
    for name in gan.expected[0]:
        steps = run.series(name).index
        assert len(steps) == (3 if name.startswith("update/") else 30), name
        expected = [gan.expected[step - 1][name] for step in steps]
        np.testing.assert_allclose(run.series(name), expected, rtol=2e-5, err_msg=name)


def test_a_callback_offers_what_a_loop_needs_and_nothing_else(tiny, tmp_path):
    """What completion shows a user; probes talk to something else."""
    calls = {"close", "flush", "log", "note", "observe", "sample", "step"}
    tells = {"completed_steps", "diagnosis", "last_healthy_step", "run_dir", "should_stop", "stop_reason"}
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run") as callback:
        gan.train(1, callback)
        assert {name for name in dir(callback) if not name.startswith("_")} == calls | tells


def test_layers_are_recorded_by_name_and_add_up_to_the_total(tiny, tmp_path):
    """Per-layer norms of the weights are part of the global norm."""
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run"):
        gan.train(20)
    scalars = Run.open(tmp_path / "run").scalars.loc[[10, 20]]
    layers = scalars[["grad/generator/layer/0", "grad/generator/layer/3"]]
    assert (np.sqrt((layers**2).sum(axis=1)) <= scalars["grad/generator/norm"] * 1.0001).all()
    assert (layers > 0).all().all()


def test_two_hundred_steps_are_bit_identical_with_and_without(tiny, tmp_path):
    """Weights, buffers, optimizer states and all random states are untouched by attaching."""

    def states(*, watched: bool) -> list[object]:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002 - the legacy generator is what must stay untouched
        gan = tiny(seed=3)
        if watched:
            with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run") as callback:
                gan.train(200, callback)
        else:
            gan.train(200)
        return [*gan.state(), random.getstate(), np.random.get_state()[1].tolist()]  # noqa: NPY002

    plain, watched = states(watched=False), states(watched=True)
    assert len(plain) == len(watched)
    for one, other in zip(plain, watched, strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_nothing_is_left_behind_after_closing(tiny, tmp_path):
    """close() removes every hook, module and optimizer ones alike; closing twice is harmless."""
    from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

    before = len(_global_optimizer_pre_hooks), len(_global_optimizer_post_hooks)
    scaler_step = torch.amp.GradScaler.step
    gan = tiny()
    gan.generator.compile(backend="eager")
    compiled = gan.generator._compiled_call_impl
    callback = gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run")
    gan.train(3)
    callback.close()
    callback.close()
    gan.train(3)
    assert not gan.generator._forward_hooks
    assert not gan.discriminator._forward_hooks
    assert (len(_global_optimizer_pre_hooks), len(_global_optimizer_post_hooks)) == before
    assert torch.amp.GradScaler.step is scaler_step
    assert gan.generator._compiled_call_impl is compiled
    assert Run.open(tmp_path / "run").last_step == 3


def _saved(module):
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


COPIES = {
    "deepcopy": copy.deepcopy,
    "torch.save": _saved,
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),  # noqa: S301
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "compiled copy": lambda module: torch.compile(copy.deepcopy(module), backend="eager", fullgraph=True),
    "jit.script": torch.jit.script,
    "jit.trace": lambda module: torch.jit.trace(module, torch.randn(5, 4)),
    "export": lambda module: torch.export.export(module, (torch.randn(5, 4),)).module(),
}
CASES = [(name, False) for name in COPIES] + [(name, True) for name in list(COPIES)[:5]]  # torch traces no compiled one


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*is deprecated")
@pytest.mark.parametrize(("name", "in_place"), CASES)
def test_copies_of_a_watched_network_are_not_watched(tiny, tmp_path, name, in_place):
    """They can be made while attached, work, and record nothing; the network itself is watched on."""
    gan = tiny()
    gan.generator.eval()  # batch statistics differ for a traced batch
    if in_place:
        gan.generator.compile(backend="eager")
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run"):
        gan.train(2)
        clone = COPIES[name](gan.generator)
        assert clone(torch.randn(5, 4)).shape == (5, 2)
        gan.discriminator(clone(torch.randn(5, 4)).detach())
        gan.train(2)
    run = Run.open(tmp_path / "run")
    assert run.last_step == 4
    assert run.meta["attribution"]["per discriminator step, D saw"] == "1 real, 1 generated, 0 penalty"
    assert not run.meta["faults"]


def test_batches_that_cannot_be_told_apart_are_reported_once_and_observe_takes_over(tmp_path, caplog):
    """Reals and augmented fakes in one batch: one sentence names observe, which then counts."""
    generator, discriminator = nn.Linear(2, 2), nn.Linear(2, 1)
    sgd_g, sgd_d = (torch.optim.SGD(m.parameters(), lr=1e-2) for m in (generator, discriminator))
    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run") as callback:
        for step in range(60):
            fake = generator(torch.randn(8, 2)).detach() + 0.1 * torch.randn(8, 2)
            both = discriminator(torch.cat([torch.randn(8, 2) + 1, fake]))
            sgd_d.zero_grad()
            both.square().mean().backward()
            if step >= 30:
                callback.observe(real=both[:8], fake=both[8:])
            sgd_d.step()
            sgd_g.zero_grad()
            discriminator(generator(torch.randn(8, 2))).mean().backward()
            sgd_g.step()
    run = Run.open(tmp_path / "run")
    messages = [r.message for r in caplog.records if "callback.observe" in r.message]
    assert len(messages) == 1
    assert any("callback.observe" in fault["message"] for fault in run.meta["faults"])
    assert run.series("d/auc").index[-1] == 60


@pytest.mark.parametrize("family", ["minimax", "non-saturating", "lsgan", "hinge", "wgan"])
def test_the_loss_family_is_inferred_from_the_feedback(family, tmp_path):
    """The gradient that D's output receives identifies the loss; nothing is passed."""
    from torch.nn.functional import logsigmoid, relu

    torch.manual_seed(0)
    generator, discriminator = nn.Linear(2, 2), nn.Linear(2, 1)
    with torch.no_grad():
        discriminator.weight.fill_(2.0)
    losses = {  # (D's loss, G's loss) as functions of logits
        "minimax": (lambda r, f: -(logsigmoid(r) + logsigmoid(-f)).mean(), lambda f: logsigmoid(-f).mean()),
        "non-saturating": (
            lambda r, f: -(logsigmoid(r) + logsigmoid(-f)).mean(),
            lambda f: -logsigmoid(f).mean(),
        ),
        "lsgan": (lambda r, f: ((r - 1) ** 2 + f**2).mean(), lambda f: ((f - 1) ** 2).mean()),
        "hinge": (lambda r, f: (relu(1 - r) + relu(1 + f)).mean(), lambda f: -f.mean()),
        "wgan": (lambda r, f: (f - r).mean(), lambda f: -f.mean()),
    }
    loss_d, loss_g = losses[family]
    sgd_g, sgd_d = (torch.optim.SGD(m.parameters(), lr=1e-3) for m in (generator, discriminator))
    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run"):
        for _ in range(40):
            fake = generator(torch.randn(32, 2))
            sgd_d.zero_grad()
            loss_d(discriminator(torch.randn(32, 2)), discriminator(fake.detach())).backward()
            sgd_d.step()
            sgd_g.zero_grad()
            loss_g(discriminator(fake)).backward()
            sgd_g.step()
    assert Run.open(tmp_path / "run").meta["loss_family"] == {"name": family, "source": "inferred"}


def test_logits_that_happen_to_lie_between_0_and_1_are_not_taken_for_probabilities():
    """The better fit decides: logistic gradients on small logits, and -1/p on probabilities."""
    from gandiag.families import infer_generator_loss

    outputs = np.random.default_rng(0).uniform(0.1, 0.3, 200)
    assert infer_generator_loss(outputs, (1 / (1 + np.exp(-outputs)) - 1) / 200) == ("non-saturating", False)
    assert infer_generator_loss(outputs, -1 / outputs / 200) == ("non-saturating", True)
    assert infer_generator_loss(outputs, -1 / (1 - outputs) / 200) == ("minimax", True)
    assert infer_generator_loss(outputs, np.sin(40 * outputs)) == ("other", False)


@pytest.mark.filterwarnings("ignore:.*is deprecated")
def test_modules_that_make_no_sense_are_refused_in_one_sentence(tiny, tmp_path):
    """The same module twice, no module, no parameters, none yet, one that is compiled or watched already."""
    gan = tiny()
    run_dir = tmp_path / "run"
    with pytest.raises(ValueError, match="generator and discriminator are the same module"):
        gandiag.attach(gan.generator, gan.generator, run_dir=run_dir)
    with pytest.raises(TypeError, match=r"discriminator must be a torch\.nn\.Module, got str"):
        gandiag.attach(gan.generator, "critic", run_dir=run_dir)
    with pytest.raises(ValueError, match="has no parameters"):
        gandiag.attach(gan.generator, nn.ReLU(), run_dir=run_dir)
    with pytest.raises(ValueError, match="generator and discriminator share parameters"):
        gandiag.attach(gan.generator, nn.Sequential(gan.generator[0]), run_dir=run_dir)
    with pytest.raises(ValueError, match=r"\(LazyLinear\) has lazy parameters .* call it once before attaching"):
        gandiag.attach(nn.LazyLinear(2), gan.discriminator, run_dir=run_dir)
    with pytest.raises(TypeError, match="discriminator is a ScriptModule, whose calls cannot be watched"):
        gandiag.attach(gan.generator, torch.jit.script(gan.discriminator), run_dir=run_dir)
    assert not run_dir.exists()
    callback = gandiag.attach(gan.generator, gan.discriminator, run_dir=run_dir)
    with pytest.raises(ValueError, match="is watched already"):
        gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "other")
    callback.close()


def test_a_loss_belongs_to_its_step_wherever_it_is_logged(tiny, tmp_path):
    """D's loss logged before G's update and G's after it share the step, also when logged now and then only."""
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run") as callback:
        for step in range(1, 7):
            if step % 2 == 0:
                gan.discriminator(torch.randn(8, 2)).mean().backward()
                gan.adam_d.step()
                callback.log(d_loss=step)
            gan.train(1)
            if step % 3 == 0:
                callback.log(g_loss=step)
    run = Run.open(tmp_path / "run")
    assert run.series("loss/discriminator").to_dict() == {2: 2, 4: 4, 6: 6}
    assert run.series("loss/generator").to_dict() == {3: 3, 6: 6}


def test_swapped_networks_are_noticed(tiny, tmp_path, caplog):
    """attach(D, G): the loop runs on, and one sentence asks whether the two are swapped."""
    gan = tiny()
    with gandiag.attach(gan.discriminator, gan.generator, run_dir=tmp_path / "run"):
        gan.train(5)
    assert sum("are the two swapped?" in r.message for r in caplog.records) == 1
    assert any("swapped" in fault["message"] for fault in Run.open(tmp_path / "run").meta["faults"])


def test_a_run_directory_in_use_is_refused_unless_resumed(tiny, tmp_path):
    """Another run is never overwritten; resume=True continues, start_step supersedes re-done steps."""
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run"):
        gan.train(6)
    with pytest.raises(RunError, match=r"holds run \w+ already; .* resume=True"):
        gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run")
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", resume=True):
        gan.train(4)
    assert list(Run.open(tmp_path / "run").scalars.index) == list(range(1, 11))
    done = len(gan.expected)
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", resume=True, start_step=8):
        gan.train(2)
    run = Run.open(tmp_path / "run")
    assert list(run.scalars.index) == list(range(1, 10))
    assert run.scalars.loc[8, "grad/generator/norm"] == pytest.approx(
        gan.expected[done]["grad/generator/norm"], rel=1e-5
    )
    assert [s["start_step"] for s in run.meta["segments"]] == [1, 7, 8]


def test_an_unwritable_run_directory_is_refused_in_one_sentence(tiny, tmp_path):
    """A file in the way: RunError names the path, and no hook stays on the networks."""
    gan = tiny()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot be written"):
        gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "file" / "run")
    assert not gan.generator._forward_hooks


def test_a_fault_inside_a_probe_never_reaches_the_loop(tiny, tmp_path, caplog, monkeypatch):
    """A probe that raises is logged once, counted, and on record; training goes on."""
    import gandiag.probes.updates

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken probe")

    monkeypatch.setattr(gandiag.probes.updates, "gradient_norms", broken)
    monkeypatch.setattr(gandiag.probes.updates.UpdateRatio, "measure", broken)
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run"):
        gan.train(25)
    assert sum("broken probe" in r.message for r in caplog.records) == 2
    run = Run.open(tmp_path / "run")
    assert run.last_step == 25
    faults = {fault["where"]: fault["count"] for fault in run.meta["faults"]}
    assert faults == {"gradient probe": 3, "update probe": 3}, "given up after three failures"
    assert run.series("d/auc").size == 25, "other probes go on"


def test_a_broken_probe_is_not_taken_for_steps_that_a_grad_scaler_skips(tmp_path, monkeypatch):
    """The probe of updates is given up, and each scaled step is still one step that was made."""
    import gandiag.probes.updates

    def broken(*_: object) -> None:
        raise RuntimeError("broken probe")

    monkeypatch.setattr(gandiag.probes.updates, "UpdateRatio", broken)
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(2, 2), nn.Linear(2, 1)
    sgd, scaler = torch.optim.SGD(generator.parameters(), lr=1e-3), torch.amp.GradScaler("cpu", init_scale=16.0)
    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run", max_overhead=None):
        for _ in range(60):  # the ratio is due at every tenth step, and given up after the third
            sgd.zero_grad()
            scaler.scale(discriminator(generator(torch.randn(8, 2))).mean()).backward()
            scaler.step(sgd)
            scaler.update()
    run = Run.open(tmp_path / "run")
    assert run.last_step == 60
    assert run.series("skipped/generator").empty
    assert {fault["where"]: fault["count"] for fault in run.meta["faults"]} == {"update probe": 3}


def test_feedback_of_a_skipped_step_is_without_the_scale(tmp_path):
    """The scale starts too high, as it does by default: the first steps are skipped, and their feedback is like any."""
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(2, 2), nn.Linear(2, 1)
    sgd, scaler = torch.optim.SGD(generator.parameters(), lr=1e-3), torch.amp.GradScaler("cpu", init_scale=2.0**20)
    generator.weight.register_hook(lambda grad: grad if scaler.get_scale() < 2.0**16 else grad * float("inf"))
    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run", max_overhead=None):
        for _ in range(20):
            sgd.zero_grad()
            scaler.scale(discriminator(generator(torch.randn(8, 2))).mean()).backward()
            scaler.step(sgd)
            scaler.update()
    run = Run.open(tmp_path / "run")
    assert 0 < run.series("skipped/generator").sum() < 10
    feedback = run.series("feedback/norm")
    assert feedback.index[0] == 1
    assert feedback.max() < 1.1 * feedback.min()


def test_nothing_recorded_after_a_resume_is_told_as_well(tiny, tmp_path):
    """Steps of the earlier training do not hide that this one was not seen."""
    for resume in (False, True):
        gan = tiny()
        with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", resume=resume):
            gan.train(0 if resume else 5)
    (fault,) = Run.open(tmp_path / "run").meta["faults"]
    assert "no optimizer step on the generator's parameters was seen" in fault["message"]


def test_nan_from_the_first_step_is_a_finding_and_no_exception(tiny, tmp_path):
    """A generator that starts as NaN trains on, undisturbed, and is failing from step 1."""
    gan = tiny()
    with torch.no_grad():
        gan.generator[0].weight.fill_(float("nan"))
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", alerts=False) as callback:
        gan.train(30, callback)
    assert callback.diagnosis.verdict == "failing"
    (finding,) = [f for f in callback.diagnosis.findings if f.code == "non-finite"]
    assert (finding.onset_step, finding.severity) == (1, "failure")
    assert not Run.open(tmp_path / "run").meta["faults"]


def test_findings_arrive_while_the_training_runs(tiny, tmp_path, caplog):
    """on_finding is called from the training thread, the alert is logged, the event is on disk before closing."""
    import threading

    told = []
    gan = tiny()
    callback = gandiag.attach(
        gan.generator,
        gan.discriminator,
        run_dir=tmp_path / "run",
        judge_every=50,
        on_finding=lambda f: told.append((f.code, threading.current_thread() is threading.main_thread())),
    )
    gan.train(40)
    with torch.no_grad():
        gan.generator[0].weight.fill_(float("nan"))
    for _ in range(60):  # judging takes turns with recording, more of them on a busy machine
        gan.train(50)
        callback.flush()
        if told:
            break
    assert ("non-finite", True) in told
    assert any(e["kind"] == "finding" and e["code"] == "non-finite" for e in Run.open(tmp_path / "run").events)
    assert any("failure non-finite" in r.message for r in caplog.records)
    callback.close()


def test_a_users_own_mistake_in_on_finding_does_not_stop_the_training(tiny, tmp_path):
    """The exception is on record, the loop goes on."""

    def broken(finding):
        raise KeyError("user")

    gan = tiny()
    with torch.no_grad():
        gan.generator[0].weight.fill_(float("nan"))
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", on_finding=broken):
        gan.train(10)
    assert Run.open(tmp_path / "run").last_step == 10


def test_modes_are_evaluated_on_batches_that_flow_by(tiny, tmp_path):
    """With a mixture passed, its coverage signals and histograms are recorded; wrong shapes are one fault."""
    gan = tiny(batch=64)
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "run", modes="ring8_pacgan"):
        gan.train(120)
    run = Run.open(tmp_path / "run")
    assert run.series("modes/effective").index.tolist() == [50, 100]
    assert run.arrays["modes/histogram"][1].shape == (2, 8)
    assert run.meta["modes"]["name"] == "ring8_pacgan"
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, run_dir=tmp_path / "wrong", modes="digits") as callback:
        gan.train(120)
    assert "mode-collapse" in {n.code for n in callback.diagnosis.not_assessed}
    assert [f["where"] for f in Run.open(tmp_path / "wrong").meta["faults"]] == ["mode coverage"]


def test_unusual_images_and_outputs_leave_training_alone(tmp_path):
    """Two channels, odd sizes, half precision and a batch of one: recorded as far as they go, no exception."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 2 * 5 * 7), nn.Unflatten(1, (2, 5, 7)))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(70, 1))
    sgd_g, sgd_d = (torch.optim.SGD(m.parameters(), lr=1e-2) for m in (generator, discriminator))
    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run"):
        for size in (1, 4, 1, 3):
            fake = generator(torch.randn(size, 3))
            sgd_d.zero_grad()
            (discriminator(fake.detach()) - discriminator(torch.randn(size, 2, 5, 7))).mean().backward()
            sgd_d.step()
            sgd_g.zero_grad()
            discriminator(fake).mean().backward()
            sgd_g.step()
    run = Run.open(tmp_path / "run")
    assert run.last_step == 4
    assert not run.meta["faults"]
    assert {s.kind for s in run.samples} == {"points"}


def test_a_loop_that_keeps_its_losses_keeps_no_batches_of_ours(tmp_path):
    """A graph is small once backward has used it: what hooks on it hold must be, too, also those of a penalty."""
    generator, discriminator, kept = nn.Linear(4, 2), nn.Linear(2, 1), []
    of_g, of_d = (torch.optim.SGD(n.parameters(), 1e-3) for n in (generator, discriminator))

    def step(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        kept.append(loss)

    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run", alerts=False):
        for _ in range(12):
            real = torch.randn(8, 2).requires_grad_()
            on_real, on_fake = discriminator(real), discriminator(generator(torch.randn(8, 4)).detach())
            (slopes,) = torch.autograd.grad(on_real.square().sum(), real, create_graph=True)
            step(of_d, on_fake.mean() - on_real.mean() + slopes.square().sum())
            step(of_g, -discriminator(generator(torch.randn(8, 4))).mean())
        gc.collect()
        assert sum(type(each) is Call for each in gc.get_objects()) <= 4  # of the latest step


class _Informed(nn.Module):
    """A D that also tells codes: only a third optimizer's loss uses those, as of InfoGAN."""

    def __init__(self):
        super().__init__()
        self.body, self.validity, self.code = nn.Linear(2, 8), nn.Linear(8, 1), nn.Linear(8, 3)

    def forward(self, batch):
        hidden = torch.relu(self.body(batch))
        return self.validity(hidden), self.code(hidden)


@pytest.mark.parametrize("g_first", [True, False])
def test_an_optimizer_for_a_loss_of_both_networks_makes_no_steps_of_its_own(g_first, tmp_path):
    """A round has all optimizers of G; outputs that only this loss uses are no fault, and no judgement of D."""
    generator, discriminator = nn.Linear(4, 2), _Informed()
    of_g, of_d, of_both = (
        torch.optim.Adam([p for n in nets for p in n.parameters()], 1e-3)
        for nets in ([generator], [discriminator], [generator, discriminator])
    )

    def step(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def update_g():
        step(of_g, (discriminator(generator(torch.randn(8, 4)))[0] - 1).square().mean())

    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run", alerts=False, max_overhead=None):
        for _ in range(40):
            if g_first:
                update_g()
            fake = generator(torch.randn(8, 4)).detach()
            on_real, on_fake = discriminator(torch.randn(8, 2) + 2)[0], discriminator(fake)[0]
            step(of_d, (on_real - 1).square().mean() + on_fake.square().mean())
            if not g_first:
                update_g()
            step(of_both, discriminator(generator(torch.randn(8, 4)))[1].square().mean())
    run = Run.open(tmp_path / "run")
    assert run.meta["faults"] == []
    assert run.last_step in (40, 41)  # until the first optimizer comes again, the third may have replaced it
    assert run.meta["loss_family"]["name"] == "lsgan"
    assert run.series("d/auc").index.tolist()[-20:] == list(range(run.last_step - 19, run.last_step + 1))

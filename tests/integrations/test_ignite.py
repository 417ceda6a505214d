"""The Ignite handler: right values, and the engine ends as it would without."""

from __future__ import annotations

import numpy as np
import pytest
from ignite.engine import Engine, Events
from ignite.handlers import TerminateOnNan

import gandiag
from gandiag.integrations.ignite import Gandiag
from gandiag.rundir.run import Run, RunError

OUT_OF_LUCK = RuntimeError("out of luck")


def engine_of(gan, handler, output="mapping", stop_at=None, error=OUT_OF_LUCK):
    """An engine whose function is one step of the tiny GAN."""

    def update(engine, batch):
        if engine.state.iteration == stop_at:
            raise error
        gan.expected.append(gan.step())
        loss = gan.expected[-1]["loss/generator"]
        images = gan.generator.weight if hasattr(gan.generator, "weight") else gan.generator[0].weight
        return {"mapping": {"g_loss": loss, "images": images, "note": "text"}, "number": loss}[output]

    engine = Engine(update)
    handler.attach(engine)
    return engine


def handler_of(gan, folder, **options):
    return Gandiag(gan.generator, gan.discriminator, run_dir=folder, **options)


@pytest.mark.parametrize(("output", "signal"), [("mapping", "loss/generator"), ("number", "output")])
def test_recorded_values_equal_those_computed_in_the_engine(output, signal, tiny, tmp_path):
    """Gradient norms, D's outputs and the scalars of the engine's output, by step."""
    gan = tiny()
    engine_of(gan, handler_of(gan, tmp_path / "run"), output).run(range(10), max_epochs=2)
    run = Run.open(tmp_path / "run")
    assert (run.meta["status"], run.meta["reason"]) == ("closed", None)
    assert not run.meta["faults"]
    assert list(run.scalars.index) == list(range(1, 21))
    for name in ("grad/generator/norm", "grad/discriminator/norm", "d/real/mean", "d/fake/mean", "diversity/fake"):
        expected = [values[name] for values in gan.expected]
        np.testing.assert_allclose(run.series(name), expected, rtol=2e-5, err_msg=name)
    assert run.series(signal).tolist() == [values["loss/generator"] for values in gan.expected]
    assert not {"images", "note"} & set(run.scalars)


@pytest.mark.parametrize("error", [OUT_OF_LUCK, KeyboardInterrupt()])
def test_exceptions_leave_the_engine_as_without_us(error, tiny, tmp_path):
    """Two handlers of ours swallow nothing: both runs have the reason."""
    gan, other = tiny(), tiny(seed=1)
    engine = engine_of(gan, handler_of(gan, tmp_path / "run"), stop_at=8, error=error)
    handler_of(other, tmp_path / "other").attach(engine)
    with pytest.raises(type(error)) as caught:
        engine.run(range(10))
    assert caught.value is error
    for name in ("run", "other"):
        meta = Run.open(tmp_path / name).meta
        assert meta["status"] == ("crashed" if error is OUT_OF_LUCK else "interrupted")
        assert meta["reason"].startswith(type(error).__name__)
    assert not gan.generator._forward_hooks


@pytest.mark.parametrize("first", [0, 1])
def test_an_exception_that_the_users_handler_swallows_stays_swallowed(first, tiny, tmp_path):
    """The engine goes on with the next epoch, and so does the recording."""
    gan, caught = tiny(), []
    handlers = [Swallower(caught), handler_of(gan, tmp_path / "run")]
    engine = engine_of(gan, handlers.pop(first), stop_at=8)
    handlers.pop().attach(engine)
    engine.run(range(10), max_epochs=2)
    run = Run.open(tmp_path / "run")
    assert [str(error) for error in caught] == ["out of luck"]
    assert run.meta["status"] == "closed"
    assert run.last_step == len(gan.expected) > 7


class Swallower:
    """A user's handler of exceptions."""

    def __init__(self, caught):
        self.caught = caught

    def attach(self, engine):
        engine.add_event_handler(Events.EXCEPTION_RAISED, self.caught.append)


def test_a_terminated_engine_says_so(tiny, tmp_path):
    """By a handler of Ignite's, for example; reaching max_iters is no termination."""
    gan = tiny()
    engine = engine_of(gan, handler_of(gan, tmp_path / "run"))
    engine.add_event_handler(Events.ITERATION_COMPLETED(once=5), lambda e: e.terminate())
    engine.add_event_handler(Events.ITERATION_COMPLETED, TerminateOnNan(output_transform=lambda x: x["g_loss"]))
    engine.run(range(10))
    meta = Run.open(tmp_path / "run").meta
    assert (meta["status"], meta["reason"]) == ("closed", "the engine was terminated in iteration 5")
    gan = tiny()
    engine_of(gan, handler_of(gan, tmp_path / "whole")).run(range(10), max_iters=7)
    run = Run.open(tmp_path / "whole")
    assert (run.meta["reason"], run.last_step) == (None, 7)


def test_an_engine_that_runs_again_continues_the_run(tiny, tmp_path):
    """A second call of run appends."""
    gan = tiny()
    engine = engine_of(gan, handler_of(gan, tmp_path / "run"))
    engine.run(range(5))
    engine.run(range(5))
    assert list(Run.open(tmp_path / "run").scalars.index) == list(range(1, 11))


def test_a_run_directory_in_use_stops_the_engine_before_its_first_iteration(tiny, tmp_path):
    """Like attach."""
    with gandiag.Callback(tmp_path / "run") as callback:
        callback.step()
    gan = tiny()
    with pytest.raises(RunError, match="resume=True"):
        engine_of(gan, handler_of(gan, tmp_path / "run")).run(range(5))
    assert not gan.expected

"""Steps without rows: a part file that is gone, a run that is continued later than it ended."""

from __future__ import annotations

import numpy as np
import pytest

import gandiag
from gandiag.judge.diagnose import diagnose
from gandiag.judge.missing import blind
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.run import Run


def recorded(run_dir, *, parts=5, rows=40, every=1, **options):
    """A recording of some parts with so many rows each, one at every so many steps."""
    recorder = Recorder(run_dir, **options)
    step = recorder.start_step - 1
    for _ in range(parts):
        steps = step + every * np.arange(1, rows + 1)
        recorder.append(steps, steps / 10, {"d/auc": np.full(rows, 0.7)})
        recorder.flush()
        step = int(steps[-1])
    return recorder


def removed(run_dir, number):
    (run_dir / "scalars" / f"rank0-s000-{number:06d}.parquet").unlink()


@pytest.mark.parametrize("every", [1, 8])
@pytest.mark.parametrize(("number", "rows"), [(0, (1, 40)), (2, (81, 120)), (3, (121, 160))])
def test_a_part_file_that_is_gone_is_missed(tmp_path, number, rows, every):
    """The first, or one in the middle: the steps without rows are named, and the file."""
    recorded(tmp_path / "run", every=every)
    removed(tmp_path / "run", number)
    run = Run.open(tmp_path / "run")
    first, last = (rows[0] - 1) * every + 1, rows[1] * every + every - 1
    (sentence,) = diagnose(run).missing
    assert f"steps {first:,} to {last:,} were not recorded" in sentence
    assert f"rank0-s000-{number:06d}.parquet is missing" in sentence
    assert not blind(run)


def test_two_neighbours_that_are_gone_are_one_gap(tmp_path):
    """Two parts of three: most of the steps, so that nothing is decided."""
    recorded(tmp_path / "run", parts=4)
    removed(tmp_path / "run", 1)
    removed(tmp_path / "run", 2)
    run = Run.open(tmp_path / "run")
    (sentence,) = diagnose(run).missing
    assert "steps 41 to 120" in sentence
    assert "rank0-s000-000001.parquet, rank0-s000-000002.parquet are missing" in sentence


def test_a_merge_hides_no_missing_part(tmp_path):
    """A run that is continued and closed merges its parts: not across the hole."""
    recorded(tmp_path / "run")
    removed(tmp_path / "run", 2)
    with gandiag.Callback(tmp_path / "run", resume=True):
        pass
    run = Run.open(tmp_path / "run")
    assert [s for s in diagnose(run).missing if "steps 81 to 120 were not recorded" in s]


def test_the_end_of_a_closed_record_that_is_gone_is_missed(tmp_path):
    """Closing put down how far the record reached."""
    recorder = recorded(tmp_path / "run")
    recorder.storage.merge = lambda *_: None  # as many parts as were written
    recorder.close()
    removed(tmp_path / "run", 4)
    (sentence,) = diagnose(Run.open(tmp_path / "run")).missing
    assert sentence == "steps 161 to 200 were not recorded: their rows are missing at the end of the record"


@pytest.mark.parametrize("every", [1, 50])
def test_rows_that_are_rare_are_not_missing(tmp_path, every):
    """Whole, or continued where it ended: nothing is said."""
    recorded(tmp_path / "run", every=every).close()
    recorded(tmp_path / "run", every=every, resume=True).close()
    run = Run.open(tmp_path / "run")
    assert diagnose(run).missing == ()
    assert len(run.scalars) == 400


def test_numbers_that_were_skipped_are_not_missing(tmp_path):
    """As earlier versions numbered parts of both kinds together: no step is without a row."""
    recorder = Recorder(tmp_path / "run")
    for i in range(4):
        recorder._parts["scalars"] = 2 * i
        steps = np.arange(40 * i + 1, 40 * i + 41)
        recorder.append(steps, steps / 10, {"d/auc": np.full(40, 0.7)})
        recorder.flush()
    recorder.close()
    assert diagnose(Run.open(tmp_path / "run")).missing == ()


def trained(run_dir, steps, **options):
    rng = np.random.default_rng(0)
    callback = gandiag.Callback(run_dir, alerts=False, **options)
    for _ in range(steps):
        real, fake = rng.normal(size=(32, 2)), rng.normal(size=(32, 2))
        callback.log(loss_generator=1.0 + 0.1 * real[0, 0], loss_discriminator=1.0)
        norms = {"generator": 1.0, "discriminator": 1.0}
        callback.step(d_real=real[:, 0], d_fake=fake[:, 0], generated=fake, real=real, grad_norms=norms)
    callback.close()
    return callback


def test_steps_between_two_parts_of_a_training_are_missing(tmp_path):
    """300 steps, then 300 more from step 50,000 on: nobody knows what happened in between, live or afterwards."""
    trained(tmp_path / "run", 300)
    callback = trained(tmp_path / "run", 300, resume=True, start_step=50_000)
    diagnosis = diagnose(Run.open(tmp_path / "run"))
    assert "steps 301 to 49,999 were not recorded: the run was continued at step 50,000" in diagnosis.missing
    assert (diagnosis.verdict, diagnosis.decided) == ("undecided", False)
    assert callback.diagnosis.missing == diagnosis.missing
    assert callback.diagnosis.verdict == diagnosis.verdict


def test_a_run_that_goes_back_has_no_gap(tmp_path):
    """A checkpoint of step 200 of 300: its steps are done again."""
    trained(tmp_path / "run", 300)
    trained(tmp_path / "run", 200, resume=True, start_step=201)
    run = Run.open(tmp_path / "run")
    assert diagnose(run).missing == ()
    assert run.last_step == 400


@pytest.mark.parametrize("done_again", [20, 200])
def test_parts_of_steps_that_were_done_again_are_not_missing(tmp_path, done_again):
    """Storage may drop them; also where the training went back further than it has come since."""
    recorded(tmp_path / "run")
    removed(tmp_path / "run", 3)
    recorded(tmp_path / "run", parts=1, rows=done_again, resume=True, start_step=81)
    run = Run.open(tmp_path / "run")
    assert run.last_step == 80 + done_again
    assert diagnose(run).missing == ()


def test_the_part_of_another_rank_that_is_gone_is_named(tmp_path):
    """The steps have rows, of those that recorded them."""
    for rank in range(2):
        recorded(tmp_path / "run", rank=rank, world_size=2)
    (tmp_path / "run" / "scalars" / "rank1-s000-000002.parquet").unlink()
    run = Run.open(tmp_path / "run")
    assert len(run.scalars) == 200
    assert any("rank 1: steps 81 to 120 were not recorded: rank1-s000-000002" in s for s in diagnose(run).missing)
    assert not blind(run)

"""Many processes, one run: each records alone, and reading makes one row per step of what they saw together."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gandiag
from gandiag.judge.diagnose import diagnose
from gandiag.measure.reductions import auc, output_signals
from gandiag.record.callback import recording_of
from gandiag.rundir.ranks import this_rank
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.run import Run, RunError

STEPS = np.arange(1, 41)
SIZES = (8, 8, 20)  # samples of each rank's batches


def record(folder, rank, world_size, columns, steps=STEPS, **options):
    """What one rank writes of a training."""
    recorder = Recorder(folder, rank=rank, world_size=world_size, **options)
    recorder.append(np.asarray(steps), np.asarray(steps) + 100.0 + rank, columns)
    recorder.close()


def batches(seed=0):
    """D's outputs by kind and rank, shape (steps, size)."""
    rng = np.random.default_rng(seed)
    return {
        kind: [rng.normal(loc=rank, scale=1 + rank, size=(len(STEPS), size)) for rank, size in enumerate(SIZES)]
        for kind in ("real", "fake")
    }


@pytest.mark.parametrize("own", ["", ".patch"])
@pytest.mark.parametrize("weighted", [True, False])
def test_outputs_of_d_are_merged_as_if_they_stood_in_one_batch(tmp_path, weighted, own):
    """Mean, spread, range and share of all ranks' outputs together, exactly, where sizes are known or equal."""
    seen = batches()
    if not weighted:
        seen = {kind: [b[:, :8] for b in found] for kind, found in seen.items()}
    for rank in range(3):
        columns = output_signals("real", seen["real"][rank]) | output_signals("fake", seen["fake"][rank])
        columns = {name.replace("d/", f"d{own}/", 1): values for name, values in columns.items()}
        if weighted:
            columns |= {f"samples/{kind}": np.full(len(STEPS), float(SIZES[rank])) for kind in seen}
        record(tmp_path / "run", rank, 3, columns)
    run = Run.open(tmp_path / "run")
    for kind, found in seen.items():
        together = output_signals(kind, np.concatenate(found, axis=1))
        for name, expected in together.items():
            recorded = run.scalars[name.replace("d/", f"d{own}/", 1)]
            np.testing.assert_allclose(recorded, expected, rtol=1e-12, atol=1e-12, err_msg=name)
    if weighted:
        assert (run.scalars["samples/real"] == sum(SIZES)).all()
    assert run.meta["ranks"] == [0, 1, 2]
    assert run.meta["segments"][0]["world_size"] == 3
    assert run.time.tolist() == (STEPS + 100.0).tolist(), "the clock is rank 0's"


def test_means_are_weighted_by_the_samples_behind_them(tmp_path):
    """Losses by all samples, diversity and feedback by generated ones; equally where a rank's are not known."""
    for rank, size in enumerate((10, 30)):
        known = np.where(STEPS <= 20, size, np.nan if rank else size)
        columns = {
            "samples/real": known,
            "samples/fake": known * (3 if rank else 1),
            "loss/generator": np.full(len(STEPS), float(rank)),
            "diversity/fake": np.full(len(STEPS), float(rank)),
            "diversity/real": np.full(len(STEPS), float(rank)),
            "feedback/norm": np.full(len(STEPS), float(rank)),
            "lr": np.full(len(STEPS), 0.5),
        }
        record(tmp_path / "run", rank, 2, columns)
    scalars = Run.open(tmp_path / "run").scalars
    assert scalars.loc[1, "loss/generator"] == pytest.approx(120 / 140)
    assert scalars.loc[1, "diversity/fake"] == scalars.loc[1, "feedback/norm"] == pytest.approx(90 / 100)
    assert scalars.loc[1, "diversity/real"] == pytest.approx(30 / 40)
    assert scalars.loc[21, "loss/generator"] == scalars.loc[21, "diversity/fake"] == 0.5
    assert (scalars["lr"] == 0.5).all()


def test_counts_extremes_and_infinities(tmp_path):
    """Non-finite records add up, non-finite shared gradients do not; an infinity on one rank is one of the run."""
    values = {
        "nonfinite": (1.0, 2.0, 3.0),
        "grad/generator/nonfinite": (2.0, 1.0, 3.0),
        "d/fake/min": (-np.inf, 1.0, 2.0),
        "d/fake/max": (1.0, np.inf, -np.inf),
        "d/fake/mean": (1.0, np.inf, 1.0),
        "grad/generator/norm": (np.inf, np.inf, np.inf),
    }
    for rank in range(3):
        record(tmp_path / "run", rank, 3, {name: np.full(len(STEPS), v[rank]) for name, v in values.items()})
    run = Run.open(tmp_path / "run")
    first = run.scalars.loc[1]
    assert first["nonfinite"] == 6
    assert first["grad/generator/nonfinite"] == 3
    assert (first["d/fake/min"], first["d/fake/max"], first["d/fake/mean"]) == (-np.inf, np.inf, np.inf)
    assert first["grad/generator/norm"] == np.inf
    assert not run.meta["faults"], "all infinite is all equal"


def test_a_step_of_some_ranks_is_made_of_those(tmp_path):
    """A rank that began late, ended early or logged something of its own."""
    record(tmp_path / "run", 0, 2, {"x": STEPS * 1.0, "mine": STEPS * 1.0})
    record(tmp_path / "run", 1, 2, {"x": STEPS[10:30] * 3.0}, steps=STEPS[10:30])
    scalars = Run.open(tmp_path / "run").scalars
    expected = np.where((STEPS > 10) & (STEPS <= 30), STEPS * 2.0, STEPS)
    assert scalars["x"].tolist() == expected.tolist()
    assert scalars["mine"].tolist() == STEPS.tolist()


@pytest.mark.parametrize(("apart", "steps_apart"), [(1e-2, 40), (1e-2, 21), (1e-5, 40), (1e-2, 19), (1e-2, 0)])
def test_replicas_that_are_not_synchronised_are_a_fault(tmp_path, apart, steps_apart):
    """Gradient norms that differ by more than a thousandth at more than half of the steps: which net, where, how."""
    norms = 0.5 + STEPS / 1000
    off = np.where(len(STEPS) - STEPS < steps_apart, 1 + apart, 1.0)
    for rank in range(2):
        columns = {"grad/generator/norm": norms, "grad/discriminator/norm": norms * off if rank else norms}
        record(tmp_path / "run", rank, 2, columns)
    run = Run.open(tmp_path / "run")
    if apart < 1e-3 or steps_apart < 20:
        assert not run.meta["faults"]
        np.testing.assert_allclose(run.scalars["grad/discriminator/norm"], norms * (1 + off) / 2)
        return
    (fault,) = run.meta["faults"]
    first = len(STEPS) - steps_apart + 1
    assert fault["where"] == "ranks"
    assert fault["count"] == steps_apart
    assert fault["first_step"] == first
    assert "gradient norms of the discriminator differ between ranks" in fault["message"]
    at = norms[first - 1]
    assert f"at step {first} {at:.4g} on rank 0 and {at * 1.01:.4g} on rank 1" in fault["message"]
    assert any("not synchronised" in sentence for sentence in diagnose(run).missing)


def test_shards_of_a_network_add_up_in_squares(tmp_path):
    """Where run.json calls a network sharded, each rank's norm is that of its part, and they need not be equal."""
    for rank, norm in enumerate((3.0, 4.0)):
        columns = {f"grad/{net}/{w}": np.full(len(STEPS), norm) for net in ("generator", "discriminator")
                   for w in ("norm", "layer/0")}  # fmt: skip
        record(tmp_path / "run", rank, 2, columns)
    _edit_meta(tmp_path / "run", roles={"generator": {"sharded": True}, "discriminator": {"sharded": True}})
    run = Run.open(tmp_path / "run")
    assert (run.scalars == 5.0).all().all()
    assert not run.meta["faults"]
    _edit_meta(tmp_path / "run", roles={"generator": {"sharded": True}})
    run = Run.open(tmp_path / "run")
    assert (run.scalars["grad/discriminator/norm"] == 3.5).all()
    assert len(run.meta["faults"]) == 1


def _edit_meta(folder, name="run.json", **changes):
    meta = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(meta | changes))


def test_thinned_rows_are_not_compared(tmp_path):
    """Means over other steps differ on synchronised replicas, too."""
    norms = 1.0 + STEPS % 2
    record(tmp_path / "run", 0, 2, {"grad/generator/norm": norms})
    record(tmp_path / "run", 1, 2, {"grad/generator/norm": np.where(STEPS <= 30, 1.5, norms)})
    assert Run.open(tmp_path / "run").meta["faults"]
    event = {"kind": "thinned", "what": "scalars", "from_step": 1, "to_step": 30, "reason": "r", "segment": 0}
    (tmp_path / "run" / "events-rank1.jsonl").write_text(json.dumps(event) + "\n")
    run = Run.open(tmp_path / "run")
    assert not run.meta["faults"]
    assert diagnose(run).missing == ("rank 1: scalars of steps 1 to 30 are kept in less detail: r",)


def test_a_resume_with_fewer_ranks_leaves_the_others_rows_behind(tmp_path):
    """From where rank 0 went on with two processes, what a third had recorded does not count; before, it does."""
    for rank in range(3):
        record(tmp_path / "run", rank, 3, {"x": np.full(len(STEPS), float(rank))})
    for rank in range(2):
        again = np.arange(21, 31)
        record(tmp_path / "run", rank, 2, {"x": np.full(10, 10.0 + rank)}, again, resume=True, start_step=21)
    run = Run.open(tmp_path / "run")
    assert run.scalars.index.tolist() == list(range(1, 31))
    assert (run.scalars.loc[:20, "x"] == 1.0).all()
    assert (run.scalars.loc[21:, "x"] == 10.5).all()


def test_all_ranks_of_a_resume_find_the_same_step(tmp_path):
    """The one after all that any rank recorded, whoever comes first, and whether it took part before."""
    for rank, last in ((0, 20), (1, 25)):
        record(tmp_path / "run", rank, 2, {"x": STEPS[:last] * 1.0}, STEPS[:last])
    starts = [
        Recorder(tmp_path / "run", rank=rank, world_size=3, resume=True).segment["start_step"] for rank in (2, 0, 1)
    ]
    assert starts == [26, 26, 26]


def test_each_rank_refuses_what_an_earlier_run_left(tmp_path):
    """Rank 0 by run.json, the others by their own file."""
    for rank in range(2):
        record(tmp_path / "run", rank, 2, {"x": STEPS * 1.0})
    with pytest.raises(RunError, match=r"holds run \w+ already"):
        Recorder(tmp_path / "run", rank=0, world_size=2)
    with pytest.raises(RunError, match=r"holds an earlier record of rank 1 already; .* resume=True"):
        Recorder(tmp_path / "run", rank=1, world_size=2)
    Recorder(tmp_path / "run", rank=2, world_size=3)


def test_faults_of_all_ranks_are_told_once(tmp_path):
    """Those that several share as one, with their number; those of one rank with its number; gaps with theirs."""
    shared = {"where": "log(x)", "message": "bad", "count": 2, "first_step": 3}
    for rank in range(3):
        record(tmp_path / "run", rank, 3, {"x": STEPS * 1.0})
        own = {"where": "gradient probe", "message": f"boom {rank}", "count": 1, "first_step": rank}
        name = "run.json" if rank == 0 else f"rank{rank}.json"
        _edit_meta(tmp_path / "run", name, faults=[shared, own])
    run = Run.open(tmp_path / "run")
    faults = {f["where"]: f["count"] for f in run.meta["faults"]}
    assert faults == {
        "log(x) (3 ranks)": 6,
        "gradient probe": 1,
        "gradient probe (rank 1)": 1,
        "gradient probe (rank 2)": 1,
    }


def test_a_rank_that_stopped_recording_is_named(tmp_path):
    """Neither closed nor as far as the run, which is over; while the run goes on, ranks may be some steps apart."""
    record(tmp_path / "run", 0, 3, {"x": STEPS * 1.0})
    record(tmp_path / "run", 1, 3, {"x": STEPS[:20] * 1.0}, STEPS[:20])
    _edit_meta(tmp_path / "run", "rank1.json", status="running")
    Recorder(tmp_path / "run", rank=2, world_size=3)
    messages = {f["where"]: f["message"] for f in Run.open(tmp_path / "run").meta["faults"]}
    assert messages == {"rank 1": "recorded nothing after step 20 of 40", "rank 2": "recorded nothing"}
    _edit_meta(tmp_path / "run", status="running")
    assert not Run.open(tmp_path / "run").meta["faults"]


def test_damage_in_a_ranks_file_is_named(tmp_path):
    """As in run.json; a folder with other ranks' records alone is no run."""
    for rank in range(2):
        record(tmp_path / "run", rank, 2, {"x": STEPS * 1.0})
    (tmp_path / "run" / "rank1.json").write_text("{")
    with pytest.raises(RunError, match=r"rank1\.json: is damaged .*line 1, column 2"):
        Run.open(tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    with pytest.raises(RunError, match=r"no run\.json in it"):
        Run.open(tmp_path / "run")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "4"}, (2, 4)),
        ({"RANK": "2"}, (0, 1)),
        ({"RANK": "4", "WORLD_SIZE": "4"}, (0, 1)),
        ({"RANK": "first", "WORLD_SIZE": "4"}, (0, 1)),
    ],
)
def test_the_rank_is_the_launchers(monkeypatch, environment, expected):
    """RANK and WORLD_SIZE when both are there and fit together, as torchrun sets them."""
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert this_rank() == expected


def test_ranks_above_zero_record_and_do_not_judge(tmp_path, monkeypatch, caplog):
    """No diagnosis, no alerts, no snapshots, no modes of their own; rank 0 does all that."""
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "2")
        with gandiag.Callback(tmp_path / "run", modes="ring8_pacgan", judge_every=10) as callback:
            for step in range(300):
                assert recording_of(callback).wants_modes is False or rank == "0"
                callback.sample(np.zeros((8, 2)))
                callback.log(loss_generator=float("nan") if step == 100 else 1.0)
                callback.step()
        assert bool(callback.diagnosis.findings) is (rank == "0")
    names = {f.name for f in (tmp_path / "run").rglob("*") if f.is_file()}
    assert {"run.json", "rank1.json", "diagnosis.json", "events.jsonl"} <= names
    assert "events-rank1.jsonl" not in names
    assert sum("non-finite: " in r.message for r in caplog.records) == 1
    run = Run.open(tmp_path / "run")
    assert run.scalars.loc[101, "nonfinite"] == 2
    assert "modes" in run.meta


def test_a_run_of_one_process_is_read_as_ever(tmp_path):
    """Without a word about ranks."""
    record(tmp_path / "run", 0, 1, {"x": STEPS * 1.0})
    run = Run.open(tmp_path / "run")
    assert "ranks" not in run.meta
    assert run.time.iloc[0] == 101.0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="starts gloo processes")
def test_distributed_data_parallel_is_recorded_as_computed_by_hand(tmp_path):
    """Two processes, attached to what DDP wraps, to DDP itself, on rank 0 only, and with FSDP2: values of both."""
    script = Path(__file__).with_name("distributed.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(script)]
    done = subprocess.run([*command, str(tmp_path)], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    for attach in ("wrapped", "inner", "rank 0 only", "sharded"):
        run = Run.open(tmp_path / attach)
        by_hand = [json.loads((tmp_path / f"{attach} {rank}.json").read_text()) for rank in (0, 1)]
        ranks = by_hand if attach != "rank 0 only" else by_hand[:1]
        assert run.meta["ranks"] == list(range(len(ranks)))
        assert run.meta["segments"][0]["world_size"] == 2
        assert [f["message"] for f in run.meta["faults"]] == ["recorded nothing"] * (attach == "rank 0 only")
        assert run.scalars.index.tolist() == list(range(1, 31))
        assert run.series("quality/frechet").index.tolist() == ([30] if attach in ("wrapped", "inner") else [])
        for step, rows in enumerate(zip(*ranks, strict=True), start=1):
            recorded = run.scalars.loc[step]
            for name in ("grad/generator/norm", "grad/discriminator/norm"):
                assert len({round(row[name], 6) for row in rows}) == 1, "all ranks update with the same gradients"
                assert recorded[name] == pytest.approx(rows[0][name], rel=1e-4)
            _compare(recorded, rows)
        per_step = run.meta["attribution"]["per discriminator step, D saw"]
        assert per_step == "1 real, 1 generated, 0 penalty"


def _compare(recorded, rows):
    """Merged signals of a step with those of the ranks' outputs; batches have 8 and 12 samples."""
    weights = [len(row["real"]) if "samples/real" in recorded else 1 for row in rows]
    for kind in ("real", "fake"):
        parts = [np.array(row[kind]) for row in rows]
        mean = np.average([p.mean() for p in parts], weights=weights)
        square = np.average([(p**2).mean() for p in parts], weights=weights)
        assert recorded[f"d/{kind}/mean"] == pytest.approx(mean, rel=1e-4, abs=1e-6)
        assert recorded[f"d/{kind}/std"] == pytest.approx(np.sqrt(square - mean**2), rel=1e-3, abs=1e-5)
        assert recorded[f"d/{kind}/min"] == pytest.approx(min(p.min() for p in parts), rel=1e-4)
        assert recorded[f"d/{kind}/max"] == pytest.approx(max(p.max() for p in parts), rel=1e-4)
    areas = [auc(np.array([row["real"]]), np.array([row["fake"]]))[0] for row in rows]
    assert recorded["d/auc"] == pytest.approx(np.average(areas, weights=weights), abs=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="starts gloo processes")
def test_a_rank_that_dies_hangs_nobody(tmp_path):
    """Rank 1 is gone at step 20: rank 0 ends with gloo's own error, its run is crashed with the reason."""
    script = Path(__file__).with_name("distributed.py")
    processes = [
        subprocess.Popen([sys.executable, str(script), str(tmp_path), str(rank), "20"], stderr=subprocess.PIPE)
        for rank in (0, 1)
    ]
    (_, errors), _ = (process.communicate(timeout=120) for process in processes)
    assert processes[1].returncode == 3
    assert processes[0].returncode == 1
    assert b"RuntimeError" in errors
    run = Run.open(tmp_path / "dies")
    assert run.meta["status"] == "crashed"
    assert run.meta["reason"].startswith("RuntimeError")
    assert run.last_step == 20
    assert [f["message"] for f in run.meta["faults"]] == ["recorded nothing"]


def test_the_report_says_how_many_ranks_recorded(tmp_path):
    """Two of three."""
    from gandiag.reports import sections

    for rank in range(2):
        record(tmp_path / "run", rank, 3, {"x": STEPS * 1.0})
    run = Run.open(tmp_path / "run")
    assert dict(sections.build(run, diagnose(run)).facts)["Ranks"] == "2 of 3 recorded"
    assert "Ranks" not in dict(sections.build(replace(run, meta={}), diagnose(run)).facts)


@pytest.mark.parametrize("status", ["closed", "crashed", "running"])
def test_a_rank_that_left_no_file_at_all_is_missed(tmp_path, status):
    """As where only rank 0 of two attaches: half of the samples were seen by nobody."""
    record(tmp_path / "run", 0, 2, {"x": STEPS * 1.0})
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": status}))
    run = Run.open(tmp_path / "run")
    assert [(f["where"], f["message"]) for f in run.meta["faults"]] == [("rank 1", "recorded nothing")]
    assert any("rank 1" in sentence for sentence in diagnose(run).missing)


def test_a_rank_that_was_closed_without_a_row_is_missed(tmp_path):
    """It says that it ended well, and recorded nothing."""
    record(tmp_path / "run", 0, 2, {"x": STEPS * 1.0})
    Recorder(tmp_path / "run", rank=1, world_size=2).close()
    assert [f["message"] for f in Run.open(tmp_path / "run").meta["faults"]] == ["recorded nothing"]

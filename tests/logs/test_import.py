"""From the files of other programs to run directories, and what is then said of them."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

import gandiag
from gandiag.cli.main import main
from gandiag.logs import LogError, Options, import_run, read, recognise
from gandiag.logs.grids import cut
from gandiag.logs.series import Log
from gandiag.rundir.run import Run
from gandiag.sinks import wire


def write_events(folder, rows, *, old=True, images=()):
    """An event file as TensorBoard's own writer makes it: rows of step and values by tag."""
    writer = EventFileWriter(str(folder))
    for step, values in rows:
        for tag, value in values.items():
            entry = summary_pb2.Summary.Value(tag=tag)
            if old:
                entry.simple_value = value
            else:
                entry.tensor.CopyFrom(tensor_pb2.TensorProto(dtype=1, float_val=[value]))
                entry.metadata.plugin_data.plugin_name = "scalars"
            writer.add_event(
                event_pb2.Event(step=step, wall_time=1e9 + step, summary=summary_pb2.Summary(value=[entry]))
            )
    for step, tag, png in images:
        entry = summary_pb2.Summary.Value(tag=tag, image=summary_pb2.Summary.Image(encoded_image_string=png))
        writer.add_event(event_pb2.Event(step=step, wall_time=1e9, summary=summary_pb2.Summary(value=[entry])))
    writer.close()
    return next(path for path in folder.iterdir() if "tfevents" in path.name)


def signals(log):
    return {row.signal: row.name for row in recognise(log).mapped}


def winning_discriminator(steps=5000, every=50):
    """A log of probabilities of a D that wins half-way."""
    for step in range(0, steps, every):
        sure = min(0.4995, 0.1 + 0.8 * step / steps)
        yield step, {"D(x)": 0.5 + sure, "D(G(z))": 0.5 - sure, "Loss_D": 1.0, "Loss_G": 2.0}


@pytest.mark.parametrize("old", [True, False])
def test_all_values_of_event_files_are_read(old, tmp_path):
    """TensorBoard's own reader keeps ten of the new kind; steps beyond 2**14 and NaN stay what they are."""
    rows = [(20_000 + i, {"train/errD": 0.5 + i, "train/errG": float("nan") if i == 3 else 1.0}) for i in range(300)]
    write_events(tmp_path, rows, old=old)
    log = read(tmp_path)
    assert list(log.series["train/errD"].x) == [step for step, _ in rows]
    assert list(log.series["train/errD"].values) == [values["train/errD"] for _, values in rows]
    assert np.isnan(log.series["train/errG"].values[3])
    assert signals(log) == {"loss/discriminator": "train/errD", "loss/generator": "train/errG"}


def test_a_resumed_run_supersedes_what_it_did_again(tmp_path):
    """A second file that goes back takes the place of the steps from there on."""
    first = write_events(tmp_path, [(step, {"d_loss": 1.0}) for step in range(0, 100, 10)])
    first.rename(tmp_path / "events.out.tfevents.1000.a")
    later = write_events(tmp_path, [(step, {"d_loss": 2.0}) for step in range(50, 150, 10)])
    later.rename(tmp_path / "events.out.tfevents.2000.b")
    x, values, _, _ = read(tmp_path).series["d_loss"].settled()
    assert list(x) == list(range(0, 150, 10))
    assert list(values) == [1.0] * 5 + [2.0] * 10


def test_a_table_in_another_order_is_sorted(tmp_path):
    """As exports are that begin with the newest row."""
    (tmp_path / "log.csv").write_text("step,d_loss,g_loss\n" + "".join(f"{i},{i},1\n" for i in range(50, 0, -1)))
    x, values, _, _ = read(tmp_path / "log.csv").series["d_loss"].settled()
    assert list(x) == list(values) == list(range(1, 51))


def test_a_truncated_file_is_read_up_to_there_and_a_corrupt_one_up_to_the_damage(tmp_path):
    """What is lost is named, with the byte."""
    path = write_events(tmp_path, [(step, {"d_loss": 1.0}) for step in range(100)])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 5])
    log = read(tmp_path)
    assert 30 < len(log.series["d_loss"]) < 60
    assert "breaks off at byte" in log.notes[0]
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(damaged))
    log = read(tmp_path)
    assert 30 < len(log.series["d_loss"]) < 60
    assert "is damaged from byte" in log.notes[0]


def test_folders_may_be_names_splits_or_runs(tmp_path):
    """mimicry's folders are names, Keras' are splits, anything else are runs of which one is to be chosen."""
    for name, tag in (("errD", "loss"), ("errG", "loss"), ("D(x)", "prob"), ("D(G(z))", "prob")):
        write_events(tmp_path / "mimicry" / "data" / name, [(50, {tag: 0.5})])
    assert set(signals(read(tmp_path / "mimicry"))) == {
        "loss/discriminator", "loss/generator", "d/real/mean", "d/fake/mean"
    }  # fmt: skip
    for split in ("train", "validation"):
        write_events(tmp_path / "keras" / split, [(1, {"epoch_d_loss": 0.5, "epoch_g_loss": 1.0})])
    found = recognise(read(tmp_path / "keras"))
    assert {row.name for row in found.mapped} == {"d_loss", "g_loss"}
    assert [row.name for row in found.known] == ["validation/d_loss", "validation/g_loss"]
    for run in ("a", "b"):
        write_events(tmp_path / "tb" / run, [(1, {"d_loss": 0.5, "g_loss": 1.0})])
    with pytest.raises(LogError, match="several runs; choose one with --run: a, b"):
        read(tmp_path / "tb")
    assert set(signals(read(tmp_path / "tb", run="b"))) == {"loss/discriminator", "loss/generator"}


def test_stylegan(tmp_path):
    """kimg become steps of the batch size; signs and the penalty change their scale; a NaN of num 0 is no loss."""
    moments = {"Loss/scores/real": 1.02, "Loss/scores/fake": -1.31, "Loss/signs/real": 0.62, "Loss/G/loss": 0.84}
    row = {name: {"num": 4000, "mean": value, "std": 0.9} for name, value in moments.items()}
    row |= {"Loss/r1_penalty": {"num": 252, "mean": 0.0225, "std": 0.01}, "Progress/kimg": {"num": 1, "mean": 48.128}}
    line = json.dumps(row | {"Timing/Greg": {"num": 0, "mean": float("nan"), "std": float("nan")}})
    (tmp_path / "stats.jsonl").write_text(line + "\n")
    metric = {"results": {"fid50k_full": 31.42}, "snapshot_pkl": "network-snapshot-000200.pkl"}
    (tmp_path / "metric-fid50k_full.jsonl").write_text(json.dumps(metric))
    (tmp_path / "training_options.json").write_text('{"batch_size": 32}')
    import_run(tmp_path, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    row = run.scalars.loc[1504]
    assert row["d/real/mean"] == 1.02
    assert row["d/real/positive"] == pytest.approx(0.81)
    assert row["penalty/norm"] == pytest.approx(0.15)
    assert row["nonfinite"] == 0
    assert run.series("quality/fid").to_dict() == {6250: 31.42}


@pytest.mark.parametrize(("scale", "axis"), [(1, "kimg"), (1000, "images")])
def test_x_of_stylegans_event_files_is_kimg_or_images(scale, axis, tmp_path):
    """As its own count of kimg says."""
    write_events(tmp_path, [(4 * scale * i, {"Progress/kimg": 4.0 * i, "Loss/G/loss": 1.0}) for i in range(1, 10)])
    assert read(tmp_path).axis == axis


def test_lightning_repeats_what_was_logged_once(tmp_path):
    """A value that stands in later rows of its epoch counts once; batches come before means of epochs."""
    (tmp_path / "lightning_logs" / "version_0").mkdir(parents=True)
    (tmp_path / "lightning_logs" / "version_0" / "metrics.csv").write_text(
        "d_loss,epoch,fid,g_loss_epoch,g_loss_step,step\n0.691,0,,,0.702,1\n0.655,0,31.5,,0.741,3\n"
        "0.612,0,31.5,,0.803,5\n,0,,0.799,,5\n0.566,1,,,0.911,7\n"
    )
    log = read(tmp_path)
    assert list(log.series["fid"].x) == [3]
    assert signals(log) == {
        "loss/discriminator": "d_loss", "loss/generator": "g_loss_step", "quality/fid": "fid"
    }  # fmt: skip


def test_a_wasserstein_critic_that_is_low_for_real_is_turned(tmp_path):
    """Names that say loss and mean outputs, and a D that is low for real: Arjovsky's WassersteinGAN."""
    line = "[0/25][{i}/1582][{i}] Loss_D: {gap:.6f} Loss_G: 0.2 Loss_D_real: -0.100000 Loss_D_fake {fake:.6f}"
    lines = [line.format(i=i, gap=-0.1 - 0.01 * i, fake=0.01 * i) for i in range(20)]
    (tmp_path / "out.log").write_text("\n".join(lines))
    done = import_run(tmp_path / "out.log", tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.series("d/real/mean").iloc[-1] == pytest.approx(0.1)
    assert run.series("d/fake/mean").iloc[-1] == pytest.approx(-0.19)
    assert run.loss_family == "wgan"
    assert any("low for real" in note for note in done.meta["imported"]["notes"])


@pytest.mark.parametrize(
    ("beside", "loss", "wanted"),
    [
        ({}, lambda r, f: r + f, ""),
        ({}, lambda r, f: (r + f) / 2, ""),
        ({}, lambda r, f: f - r, "d/real/mean"),
        ({"G_L1": 1.0}, lambda *_: 7.0, ""),
        ({"d_margin": 1.0}, lambda *_: 7.0, "d/real/mean"),
    ],
)
def test_d_real_is_a_loss_or_an_output_as_the_rest_of_the_log_says(beside, loss, wanted):
    """Their sum, their mean, their difference, and names that only one kind of code logs."""
    log, random = Log(), np.random.default_rng(0)
    for step in range(30):
        real, fake = random.uniform(0.1, 1, 2)
        row = {"D_real": real, "D_fake": fake, "D_loss": loss(real, fake), "G_loss": 1.0, **beside}
        for name, value in row.items():
            log.add(name, step, value)
    row = next(row for row in recognise(log).rows if row.name == "D_real")
    assert row.sure
    assert row.signal == wanted
    assert row.why


def test_where_nothing_tells_it_is_asked(tmp_path):
    """It is left out and named, `--map` decides, and `--yes` takes the likeliest."""
    rows = [{"step": i, "g_loss": 1.0, "D_real": 0.1 * i, "D_fake": -0.1 * i} for i in range(20)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shown = CliRunner().invoke(main, ["import", str(tmp_path / "log.jsonl"), str(tmp_path / "run")])
    assert shown.exit_code == 0
    assert "D_real has more than one meaning and is left out" in shown.output
    assert "--map D_real=d/real/mean" in shown.output
    assert "d/real/mean" not in Run.open(tmp_path / "run").scalars
    given = Options(mapping={"D_real": "d/real/mean", "D_fake": "none"})
    import_run(tmp_path / "log.jsonl", tmp_path / "given", given)
    scalars = Run.open(tmp_path / "given").scalars
    assert "d/real/mean" in scalars
    assert "d/fake/mean" not in scalars
    assert "D_fake" in scalars


def test_what_low_outputs_on_real_mean_is_asked(tmp_path):
    """Outputs that lie the wrong way round are told of, and turned on request only."""
    rows = [
        {"step": i, "real_score": -1.0 - 0.1 * i, "fake_score": 1.0, "g_loss": 1.0, "d_loss": 0.7} for i in range(20)
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shown = CliRunner().invoke(main, ["import", str(tmp_path / "log.jsonl"), "--show"])
    assert "add --low-is-real" in " ".join(shown.output.split())
    import_run(tmp_path / "log.jsonl", tmp_path / "run", Options(low_is_real=True))
    assert Run.open(tmp_path / "run").series("d/real/mean").iloc[0] == 1.0


def test_a_winning_discriminator_is_found_in_a_sparse_log_and_dated_between_two_lines(tmp_path):
    """The onset is an interval, and what logs lack is said with the one line that records it."""
    write_events(tmp_path / "tb", winning_discriminator())
    import_run(tmp_path / "tb", tmp_path / "run")
    diagnosis = gandiag.diagnose(Run.open(tmp_path / "run"))
    (finding,) = diagnosis.findings
    assert finding.code == "discriminator-dominance"
    before, after = finding.onset_between
    assert after - before == 50
    assert 1500 <= before <= 2500
    assert f"between steps {before:,} and {after:,}" in finding.summary
    assert any("gandiag.attach" in sentence and "generated samples" in sentence for sentence in diagnosis.missing)
    assert diagnosis.verdict == "suspect"


def test_every_detector_can_be_asked_at_any_cadence(tmp_path):
    """Whatever a log holds, however far apart: no detector breaks on windows that were widened for it."""
    random = np.random.default_rng(0)
    names = ["loss/generator", "loss/discriminator", "d/auc", "d/real/mean", "d/fake/mean", "grad/generator/norm"]
    names += ["grad/discriminator/norm", "feedback/norm", "diversity/ratio", "distance/energy", "diversity/real"]
    names += ["centre/fake/1", "bins/lost", "penalty/norm", "rate/generator", "rate/discriminator", "quality/fid"]
    for apart in (37, 777):
        rows = [(apart * i, dict(zip(names, random.uniform(0.4, 0.6, len(names)), strict=True))) for i in range(120)]
        write_events(tmp_path / f"tb{apart}", rows)
        import_run(tmp_path / f"tb{apart}", tmp_path / f"run{apart}")
        assert not gandiag.diagnose(Run.open(tmp_path / f"run{apart}")).errors


def test_a_log_without_trouble_is_no_healthy_run(tmp_path):
    """Losses alone cannot show a collapse: undecided."""
    random = np.random.default_rng(0)
    rows = [
        (step, {"d_loss": 1.3 + random.normal() / 20, "g_loss": 0.8 + random.normal() / 20})
        for step in range(0, 5000, 10)
    ]
    write_events(tmp_path / "tb", rows)
    import_run(tmp_path / "tb", tmp_path / "run")
    diagnosis = gandiag.diagnose(Run.open(tmp_path / "run"))
    assert diagnosis.verdict == "undecided"
    assert not diagnosis.findings


def test_losses_that_become_nan_are_found(tmp_path):
    """Also where a line is an epoch."""
    lines = ["epoch,d_loss,g_loss"] + [f"{e},{1.3 if e < 30 else 'nan'},0.9" for e in range(50)]
    (tmp_path / "history.csv").write_text("\n".join(lines))
    import_run(tmp_path / "history.csv", tmp_path / "run", Options(steps_per_epoch=100))
    findings = gandiag.diagnose(Run.open(tmp_path / "run")).findings
    assert [(f.code, f.onset_step, f.onset_between) for f in findings] == [("non-finite", 3000, (2900, 3000))]


def grid(samples, padding):
    """(B, h, w) uint8 as a picture of rows of four, with black lines."""
    rows = [
        np.concatenate([np.pad(s, ((0, padding), (0, padding))) for s in samples[i : i + 4]], axis=1)
        for i in (0, 4, 8, 12)
    ]
    whole = np.concatenate(rows)
    return np.pad(whole, ((padding, 0), (padding, 0)))


@pytest.mark.parametrize("padding", [0, 2])
def test_a_grid_of_samples_is_found_and_cut(padding):
    """By its lines, or by the edges between samples."""
    random = np.random.default_rng(0)
    smooth = (
        random.uniform(0, 200, (16, 1, 1))
        + np.cumsum(random.uniform(0, 3, (16, 1, 16)), axis=2)
        + np.zeros((16, 16, 1))
    )
    samples = smooth.astype(np.uint8)
    tiles = cut(grid(samples, padding)[:, :, None])
    assert np.array_equal(tiles[..., 0], samples)


def test_pictures_by_step_show_a_collapse(tmp_path):
    """Grids with the step in their names, beside a grid of real samples: diversity, and what follows from it."""
    random = np.random.default_rng(0)
    for step in range(0, 6000, 100):
        samples = random.integers(0, 255, (16, 16, 16)).astype(np.uint8)
        if step >= 3000:
            samples[:] = samples[0] // 2 + random.integers(0, 4, (16, 16, 16)).astype(np.uint8)
        Image.fromarray(grid(samples, 2)).save(tmp_path / f"fake_samples_{step:06d}.png")
    Image.fromarray(grid(random.integers(0, 255, (16, 16, 16)).astype(np.uint8), 2)).save(tmp_path / "real_samples.png")
    (tmp_path / "log.csv").write_text("step,d_loss,g_loss\n" + "\n".join(f"{i},1.3,0.8" for i in range(0, 6000, 100)))
    import_run(tmp_path / "log.csv", tmp_path / "run", Options(images=str(tmp_path)))
    run = Run.open(tmp_path / "run")
    assert run.samples
    assert run.series("diversity/ratio").loc[:2900].min() > 0.9
    (finding,) = (f for f in gandiag.diagnose(run).findings if f.code == "sample-collapse")
    assert finding.severity == "failure"
    assert 2500 <= finding.onset_step <= 3500


def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()


def test_pictures_in_event_files_and_samples_one_by_one(tmp_path):
    """Grids of a tag, and folders named by their step with a picture for each sample."""
    random = np.random.default_rng(0)
    samples = random.integers(0, 255, (16, 16, 16)).astype(np.uint8)
    images = [(step, "generated_images", png(grid(samples, 2))) for step in (0, 100, 200)]
    write_events(tmp_path / "tb", winning_discriminator(), images=images)
    import_run(tmp_path / "tb", tmp_path / "run")
    cut_ = Run.open(tmp_path / "run").series("diversity/fake")
    assert list(cut_.index) == [0, 100, 200]
    for step in (10, 20):
        (tmp_path / "samples" / f"step_{step}").mkdir(parents=True)
        for number, sample in enumerate(samples):
            Image.fromarray(sample).save(tmp_path / "samples" / f"step_{step}" / f"{number}.png")
    (tmp_path / "log.csv").write_text("step,d_loss,g_loss\n10,1.3,0.8\n20,1.3,0.8")
    import_run(tmp_path / "log.csv", tmp_path / "single", Options(images=str(tmp_path / "samples")))
    single = Run.open(tmp_path / "single").series("diversity/fake")
    assert single.to_dict() == {10: pytest.approx(cut_.iloc[0]), 20: pytest.approx(cut_.iloc[0])}


def test_tables_of_trackers(tmp_path):
    """W&B's history and charts, MLflow's files, long tables as of Aim and trackio."""
    (tmp_path / "wandb.csv").write_text("_step,_runtime,_timestamp,g_loss,d_loss\n1,0.5,1e9,1.0,0.5\n2,0.6,1e9,1.1,\n")
    log = read(tmp_path / "wandb.csv")
    assert signals(log) == {"loss/generator": "g_loss", "loss/discriminator": "d_loss"}
    assert len(log.series["d_loss"]) == 1
    (tmp_path / "chart.csv").write_text(
        '"Step","run - g_loss","run - g_loss__MIN","run - g_loss__MAX"\n1,0.5,0.4,0.6\n'
    )
    assert list(read(tmp_path / "chart.csv").series) == ["g_loss"]
    (tmp_path / "long.csv").write_text("run,name,step,value\na,d_loss,1,0.5\na,g_loss,1,0.6\nb,d_loss,1,0.7\n")
    with pytest.raises(LogError, match="--run: a, b"):
        read(tmp_path / "long.csv")
    assert read(tmp_path / "long.csv", run="b").series["d_loss"].values[0] == 0.7
    (tmp_path / "mlruns" / "0" / "id" / "metrics").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "id" / "meta.yaml").write_text("")
    (tmp_path / "mlruns" / "0" / "id" / "metrics" / "d_loss").write_text("1700000000000 0.5 10\n1700000001000 0.6 20\n")
    assert list(read(tmp_path / "mlruns").series["d_loss"].x) == [10, 20]


def wandb_log(rows):
    """What W&B writes: history records in LevelDB's framing, cut at blocks of 32 KiB."""
    out = bytearray(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    for step, values in rows:
        items = b"".join(
            wire.field(1, wire.field(1 if "/" not in name else 2, name) + wire.field(16, json.dumps(value)))
            for name, value in values.items()
        )
        record = wire.field(1, step) + wire.field(2, items + wire.field(2, wire.field(1, step)))
        kind = 1
        while True:
            left = 32768 - len(out) % 32768
            if left < 7:
                out += bytes(left)
                continue
            part, record = record[: left - 7], record[left - 7 :]
            kinds = {(1, False): 1, (1, True): 2, (3, True): 3, (3, False): 4}
            out += struct.pack("<IHB", 0, len(part), kinds[kind, bool(record)]) + part
            kind = 3
            if not record:
                break
    return bytes(out)


def test_an_offline_run_of_wandb(tmp_path):
    """Its binary log, whole and broken off; where that holds no history the console output, or one sentence."""
    offline = tmp_path / "offline-run-1-x"
    (offline / "files").mkdir(parents=True)
    content = wandb_log([(10 * i, {"d_loss": 0.5, "g_loss": float(i), "note": "x" * 900}) for i in range(200)])
    (offline / "run-x.wandb").write_bytes(content)
    log = read(offline)
    assert list(log.series["g_loss"].x) == list(range(0, 2000, 10))
    assert log.series["g_loss"].values[-1] == 199
    assert set(signals(log)) == {"loss/generator", "loss/discriminator"}
    assert not log.notes
    (offline / "run-x.wandb").write_bytes(content[:50_000])
    assert "breaks off" in read(offline).notes[0]
    (offline / "run-x.wandb").write_bytes(content[:7])
    with pytest.raises(LogError, match="scan_history"):
        read(offline)
    (offline / "files" / "output.log").write_text("[Epoch 0/9] [Batch 1/10] [D loss: 0.5] [G loss: 0.9]\n")
    assert set(signals(read(offline))) == {"loss/generator", "loss/discriminator"}


def test_lines_of_epochs_do_not_cut_lines_of_steps(tmp_path):
    """A summary at the end of each epoch is no step that goes back."""
    line = "[Epoch {e}/5] [Batch {b}/100] [D loss: 0.5] [G loss: 0.9]\n"
    text = "".join(
        "".join(line.format(e=e, b=b) for b in range(0, 100, 10)) + f"Epoch {e} done, d_loss: 7.0\n" for e in range(5)
    )
    (tmp_path / "out.log").write_text(text)
    log = read(tmp_path / "out.log")
    assert list(log.series["D loss"].x) == list(range(0, 500, 10))
    assert any("lines of epochs" in note for note in log.notes)


def test_biggans_files_of_metrics(tmp_path):
    """One file for each metric; of D only the two sides of its loss are logged, and their sum is its loss."""
    for name, value in (("G_loss", 0.5), ("D_loss_real", 0.25), ("D_loss_fake", 0.5), ("G_linear_sv0", 3.0)):
        (tmp_path / f"{name}.log").write_text("".join(f"{i}: {value:.3e}\n" for i in range(1, 20)))
    import_run(tmp_path, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.series("loss/discriminator").to_dict() == dict.fromkeys(range(1, 20), 0.75)
    assert run.series("loss/generator").iloc[-1] == 0.5
    assert "sum of" in run.meta["imported"]["derived"]["loss/discriminator"]


def test_many_values_on_one_step_keep_their_order(tmp_path):
    """TensorFlow's pix2pix tutorial divides its step by 1,000."""
    write_events(tmp_path, [(i // 1000, {"disc_loss": 1.0, "gen_total_loss": float(i)}) for i in range(3000)])
    import_run(tmp_path, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.last_step == 2999
    assert run.series("loss/generator").iloc[-1] == 2999


def test_room_for_values_is_bounded(tmp_path, monkeypatch):
    """Of a log with more values than fit means of neighbours are kept, and that is said."""
    monkeypatch.setattr("gandiag.logs.series.MOST_POINTS", 1000)
    write_events(tmp_path, [(i, {"d_loss": float(i), "g_loss": 1.0}) for i in range(3000)])
    log = read(tmp_path)
    assert sum(map(len, log.series.values())) <= 1000
    assert any("means of neighbours" in note for note in log.notes)
    assert log.series["d_loss"].values[0] == pytest.approx(np.mean(range(log.series["d_loss"].thinned)), abs=1)


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("{", [], "is neither JSON nor JSON lines"),
        ('{"step": 1, "a": 2}', [], "none of its series tells gandiag anything (found: a)"),
        ('{"step": 1, "d_loss": 2}', ["--map", "x=none"], "the log has no 'x'"),
        ('{"step": 1, "d_loss": 2}', ["--map", "d_loss=foo"], "gandiag has no signal 'foo'"),
        ('{"step": 1, "d_loss": 2}', ["--grid", "8"], "rows and columns such as 8x8"),
        ('{"step": 1, "d_loss": 2, "g_loss": 1}', ["--loss-family", "foo"], "--loss-family must be one of"),
        ('{"step": 1, "d_loss": 2, "g_loss": 1}', ["--images", "nowhere"], "no such folder"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(content, arguments, said, tmp_path):
    """And exit code 2."""
    path = tmp_path / "log.jsonl"
    path.write_text(content)
    shown = CliRunner().invoke(main, ["import", str(path), str(tmp_path / "run"), *arguments])
    assert shown.exit_code == 2
    assert said in shown.output.splitlines()[-1]


def test_a_place_that_holds_a_run_is_refused_with_one_that_is_free(tmp_path):
    """In words of this command: resume and exist_ok are the callback's."""
    log, place = tmp_path / "log.csv", tmp_path / "run"
    log.write_text("step,D_loss,G_loss\n" + "".join(f"{step},1.4,0.7\n" for step in range(50)))
    command = ["import", str(log), str(place)]
    assert CliRunner().invoke(main, command).exit_code == 0
    again = CliRunner().invoke(main, command)
    said = f"gandiag: {place}: holds a run already; remove it, or name another place, such as {place}-2\n"
    assert (again.exit_code, again.stderr) == (2, said)


def test_commands_work_on_an_imported_run(tmp_path):
    """report, diagnose and check; check cannot decide without samples."""
    write_events(tmp_path / "tb", winning_discriminator())
    runner = CliRunner()
    shown = runner.invoke(main, ["import", str(tmp_path / "tb"), str(tmp_path / "run"), "--json"])
    assert json.loads(shown.output)["mapped"]["D(x)"]["signal"] == "d/real/mean"
    told = runner.invoke(main, ["diagnose", str(tmp_path / "run")])
    assert "from between steps" in told.output
    assert "gandiag.attach" in told.output
    assert runner.invoke(main, ["report", str(tmp_path / "run")]).exit_code == 0
    assert "between steps" in (tmp_path / "run" / "report.html").read_text()
    assert runner.invoke(main, ["check", str(tmp_path / "run")]).exit_code in (1, 3)

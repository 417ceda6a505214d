"""Where a run goes besides its directory."""

from __future__ import annotations

import http.server
import json
import sys
import threading
import time
import types

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import gandiag
from gandiag.rundir.run import Run
from gandiag.sinks import Sink, TensorBoard, Webhook, resolve

NAN_FROM = 30


def train(folder, sinks, steps=60, **options):
    """Losses of which one becomes NaN."""
    with gandiag.Callback(folder, sinks=sinks, alerts=False, **options) as callback:
        for step in range(1, steps + 1):
            callback.log(loss_generator=1.0 if step < NAN_FROM else float("nan"), loss_discriminator=0.1 * step)
            callback.step()
    return Run.open(folder)


def test_tensorboard_reads_what_is_written_and_findings_are_texts(tmp_path):
    """By TensorBoard's own reader."""
    train(tmp_path / "run", [TensorBoard(tmp_path / "tb", every=1)])
    read = EventAccumulator(str(tmp_path / "tb"), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    points = [(p.step, p.value) for p in read.Scalars("loss/discriminator")]
    assert points == [(step, pytest.approx(0.1 * step)) for step in range(1, 61)]
    assert b"NaN or infinite" in read.Tensors("findings/non-finite")[0].tensor_proto.string_val[0]


def test_a_function_and_an_address_are_told_of_findings_and_of_the_end(tmp_path):
    """As fields, and as JSON whose text Slack shows."""
    posted, told = [], []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    run = train(tmp_path / "run", [told.append, f"http://127.0.0.1:{server.server_port}/"])
    server.shutdown()
    server.server_close()
    assert [event["kind"] for event in told] == ["finding", "verdict"]
    assert told[0]["code"] == "non-finite"
    assert told[0]["onset_step"] == NAN_FROM
    assert told[1]["verdict"] == "failing"
    assert "non-finite" in posted[0]["text"]
    assert posted[0]["event"]["code"] == "non-finite"
    assert not run.meta["faults"]


def test_a_sink_that_fails_is_one_fault_and_left_alone(tmp_path):
    """The others are served, and the training does not see it."""
    calls, told = [], []

    class Broken(Sink):
        name = "broken"

        def scalars(self, steps, *_):
            calls.append(steps)
            raise OSError("no route to host")

        def event(self, _):
            raise OSError("no route to host")

    run = train(tmp_path / "run", [Broken(), told.append])
    assert [fault["where"] for fault in run.meta["faults"]] == ["sink broken"]
    assert len(told) == 2


def test_a_sink_that_hangs_holds_up_nothing(tmp_path, monkeypatch):
    """Steps go on, closing waits for a moment, and it is said."""
    monkeypatch.setattr("gandiag.record.worker.CLOSING_SECONDS", 3.0)
    hang = threading.Event()
    start = time.monotonic()
    run = train(tmp_path / "run", [lambda _: hang.wait(60)])
    assert time.monotonic() - start < 30
    hang.set()
    assert run.last_step == 60
    assert [fault["where"] for fault in run.meta["faults"]] == ["sinks"]


def test_trackers_get_means_and_alerts(tmp_path, monkeypatch):
    """W&B's row in progress, trackio by step; both have alerts."""
    rows, alerts = [], []
    levels = types.SimpleNamespace(INFO="info", WARN="warn", ERROR="error")
    run = types.SimpleNamespace(
        log=lambda values, **options: rows.append((values, options)),
        alert=lambda **fields: alerts.append(fields),
        summary={},
    )
    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(run=run, AlertLevel=levels))
    trackio = types.ModuleType("trackio")
    trackio.AlertLevel = levels
    context = types.ModuleType("trackio.context_vars")
    context.current_run = types.SimpleNamespace(get=lambda: run)
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    monkeypatch.setitem(sys.modules, "trackio.context_vars", context)
    train(tmp_path / "run", ["wandb", "trackio"])
    of_wandb = [(values, options) for values, options in rows if options == {"commit": False}]
    of_trackio = [(values, options) for values, options in rows if "step" in options]
    assert of_wandb
    assert of_trackio
    assert not any(np.isnan(v) for values, _ in rows for v in values.values())
    assert of_wandb[-1][0]["gandiag/step"] == 60
    assert [alert["level"] for alert in alerts] == ["error"] * 4
    assert run.summary["gandiag/verdict"] == "failing"


def test_mlflow(tmp_path, monkeypatch):
    """Metrics by step, findings as tags, in a store of files."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file:{tmp_path / 'mlruns'}")
    with mlflow.start_run() as active:
        train(tmp_path / "run", "mlflow")
    client = mlflow.MlflowClient()
    points = client.get_metric_history(active.info.run_id, "gandiag/loss/discriminator")
    assert points[-1].step == 60
    assert "NaN" in client.get_run(active.info.run_id).data.tags["gandiag.finding.non-finite"]


@pytest.mark.parametrize(
    ("sink", "error", "said"),
    [
        ("tensorbord", ValueError, "'tensorbord' is none of tensorboard"),
        (7, TypeError, "expected names, addresses, functions"),
        ("trackio", ImportError, r"pip install 'gandiag\[trackio\]'"),
    ],
)
def test_what_is_no_sink_is_refused_before_anything_is_recorded(sink, error, said, tmp_path, monkeypatch):
    """At once, and no run directory is left."""
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(error, match=said):
        gandiag.Callback(tmp_path / "run", sinks=[sink])
    assert not (tmp_path / "run").exists()


def test_names_and_addresses(tmp_path):
    """What a text stands for."""
    board, hook = resolve(["tensorboard:elsewhere", "https://example.org/x"], str(tmp_path))
    assert isinstance(board, TensorBoard)
    assert str(board.folder) == "elsewhere"
    assert isinstance(hook, Webhook)


def test_a_loop_may_count_its_steps_itself(tmp_path):
    """`step=` numbers them; one that goes back is a fault, and the next number counts."""
    with gandiag.Callback(tmp_path / "run", alerts=False) as callback:
        for step in (10, 20, 5, 30):
            callback.log(loss_generator=float(step))
            callback.step(step=step)
    run = Run.open(tmp_path / "run")
    assert run.series("loss/generator").to_dict() == {10: 10, 20: 20, 21: 5, 30: 30}
    assert [fault["where"] for fault in run.meta["faults"]] == ["step(step=)"]

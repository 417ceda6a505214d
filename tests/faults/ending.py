"""How trainings end: exceptions, signals, kills, exits, callbacks that nobody closes."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import textwrap
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from .matrix import Game, Happened, attached, fault

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "How a training ends"
LOOP = """
import gandiag, os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
{before}
c = gandiag.Callback({run!r}, alerts=False)
for i in range(1, 8):
    c.log(x=i)
    c.step()
print("ready", flush=True)
{after}
"""
SLEEP = "time.sleep(60)"


def child(folder: Path, after: str = SLEEP, before: str = "", send: int | None = None) -> int:
    """The exit status of a process that records seven steps and is then sent a signal."""
    lines = LOOP.format(run=str(folder / "run"), before=textwrap.dedent(before), after=textwrap.dedent(after))
    process = subprocess.Popen([sys.executable, "-c", lines], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    if send is not None:
        process.send_signal(send)
    process.communicate(timeout=120)
    return process.returncode


def killed_by(status: int) -> str:
    return (
        f"ends by {signal.Signals(-status).name}, as without gandiag"
        if status < 0
        else f"ends with exit status {status}"
    )


@fault(GROUP, "an exception in the loop", training="ends with its own exception", ended="crashed: ValueError: mine")
def exception(folder: Path) -> Happened:
    status = child(folder, "with c:\n    raise ValueError('mine')")
    return Happened(7, "ends with its own exception" if status == 1 else str(status), signals=("x",))


@fault(GROUP, "Ctrl-C", training="ends with its KeyboardInterrupt", ended="interrupted: KeyboardInterrupt")
def interrupt(folder: Path) -> Happened:
    child(folder, send=signal.SIGINT)
    return Happened(7, "ends with its KeyboardInterrupt", signals=("x",))


@fault(
    GROUP,
    "SIGTERM: SLURM, Kubernetes, CI, torchrun",
    training="ends by SIGTERM, as without gandiag",
    ended="crashed: SIGTERM",
)
def sigterm(folder: Path) -> Happened:
    return Happened(7, killed_by(child(folder, send=signal.SIGTERM)), signals=("x",))


@fault(GROUP, "SIGHUP: the terminal was closed", training="ends by SIGHUP, as without gandiag", ended="crashed: SIGHUP")
def sighup(folder: Path) -> Happened:
    return Happened(7, killed_by(child(folder, send=signal.SIGHUP)), signals=("x",))


@fault(GROUP, "SIGHUP under nohup", ended="closed")
def nohup(folder: Path) -> Happened:
    before = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    status = child(folder, "time.sleep(0.5)\nc.close()", before, signal.SIGHUP)
    return Happened(7, "goes on, unchanged" if status == 0 else killed_by(status), signals=("x",))


@fault(
    GROUP,
    "SIGTERM where the program has a handler of its own, which saves a checkpoint and trains on",
    training="its handler is called, and it trains on",
)
def own_handler(folder: Path) -> Happened:
    before = "came = threading.Event()\nsignal.signal(signal.SIGTERM, lambda *_: came.set())"
    after = """
        assert came.wait(60)
        c.log(x=8)
        c.step()
        c.close()
        assert signal.getsignal(signal.SIGTERM).__name__ == "<lambda>", "the program's own is back"
    """
    status = child(folder, after, before, signal.SIGTERM)
    return Happened(8, "its handler is called, and it trains on" if status == 0 else str(status), signals=("x",))


@fault(
    GROUP,
    "SIGTERM where the program has a handler of its own, which exits",
    training="ends with exit status 3",
    ended="crashed: SystemExit: 3",
)
def handler_exits(folder: Path) -> Happened:
    before = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))"
    return Happened(7, killed_by(child(folder, SLEEP, before, signal.SIGTERM)), signals=("x",))


@fault(
    GROUP,
    "SIGTERM to torchrun, which sends it to each of its two workers",
    training="ends by SIGTERM, as without gandiag",
    ended="crashed: SIGTERM",
    marks=(pytest.mark.slow,),
)
def torchrun(folder: Path) -> Happened:
    lines = LOOP.format(run=str(folder / "run"), before="", after=SLEEP)
    ready = "open('ready' + os.environ['RANK'], 'w')"
    (folder / "train.py").write_text(lines.replace('print("ready", flush=True)', ready))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "train.py"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not all((folder / f"ready{rank}").exists() for rank in (0, 1)):
        assert process.poll() is None
        time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=120)
    other = json.loads((folder / "run" / "rank1.json").read_text())
    assert (other["status"], other["reason"]) == ("crashed", "SIGTERM")
    return Happened(7, "ends by SIGTERM, as without gandiag", signals=("x",))


@fault(
    GROUP,
    "SIGTERM while it is being closed",
    training="ends by SIGTERM, as without gandiag",
)
def sigterm_while_closing(folder: Path) -> Happened:
    after = """
        finish = c._recording._worker.judging.finish
        def slow(step):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1.0)
            finish(step)
        c._recording._worker.judging.finish = slow
        c.close()
        time.sleep(60)
    """
    return Happened(7, killed_by(child(folder, after)), signals=("x",))


@fault(
    GROUP,
    "kill -9",
    training="ends by SIGKILL, as without gandiag",
    lost="at most the last ten seconds",
    ended="running",
)
def sigkill(folder: Path) -> Happened:
    status = child(folder, "c.flush()\nprint(flush=True)\ntime.sleep(60)", send=signal.SIGKILL)
    return Happened(7, killed_by(status), lost="at most the last ten seconds")


@fault(GROUP, "the program ends without close()", ended="closed: the interpreter exited")
def no_close(folder: Path) -> Happened:
    return Happened(7, "goes on, unchanged" if child(folder, "") == 0 else "fails", signals=("x",))


@fault(
    GROUP,
    "callback and networks are dropped without close(), and the program goes on",
    ended="closed: the callback was dropped without close()",
)
def dropped(folder: Path) -> Happened:
    game = Game()
    attached(game, folder)
    for _ in range(40):
        game.step()
    (worker,) = {game_worker(hook) for hook in game.generator._forward_hooks.values()}
    alive = weakref.ref(game.generator)
    del game
    gc.collect()
    assert alive() is None, "networks are held"
    worker.join(60)
    return Happened(40, signals=("d/auc",))


def game_worker(hook: object) -> object:
    """The background thread behind a hook, found as garbage collection finds it."""
    seen, level = set(), [hook]
    while level:
        found = [o for o in level if type(o).__name__ == "Worker"]
        if found:
            return found[0]
        seen.update(map(id, level))
        level = [o for at in level for o in gc.get_referents(at) if id(o) not in seen and not isinstance(o, type)]
    raise AssertionError("no background thread")

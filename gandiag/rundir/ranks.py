"""Many processes, one run: which rank this process is, and how the rows of all ranks become one row per step.

Each rank sees its own part of a batch and records it alone, without a word to the others. How a signal's values at
one step become one says the table of signals, see `gandiag.signals.Merge`: as a rule their mean, weighted by the
samples behind it where they are recorded.

A step that some ranks did not record is made of those that did.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.rundir.ending import ending
from gandiag.signals import describe
from gandiag.signals.names import NETS, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pandas as pd

    Block = Callable[[str], np.ndarray]  # a signal's values (ranks, steps), NaN where it was not recorded

UNEQUAL = 1e-3  # relative spread of a gradient norm between ranks: all-reduced gradients agree to some 1e-6


def this_rank() -> tuple[int, int]:
    """Rank of this process and number of processes: of torch.distributed, else of the launcher's environment.

    The environment counts when RANK and WORLD_SIZE are both there and fit together; (0, 1) otherwise.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank()), int(distributed.get_world_size())
    try:
        rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return 0, 1
    return (rank, world_size) if 0 <= rank < world_size else (0, 1)


def merge_rows(frames: Mapping[int, pd.DataFrame], roles: Mapping[str, Any]) -> pd.DataFrame:
    """One row per step from those of each rank, with the column `time`; `roles` says which networks are sharded."""
    import pandas as pd

    if not frames:
        return pd.DataFrame({"time": pd.Series(dtype="float64")}, index=pd.Index([], dtype="int64", name="step"))
    if len(frames) == 1:
        return next(iter(frames.values()))
    index, block = _aligned(frames)
    names = dict.fromkeys(str(name) for frame in frames.values() for name in frame)
    with np.errstate(invalid="ignore", over="ignore"):  # infinities are signals here
        return pd.DataFrame({name: _merged(name, block, roles) for name in names}, index=index)


def _aligned(frames: Mapping[int, pd.DataFrame]) -> tuple[pd.Index[int], Block]:
    """All steps of all ranks, and a function that gives a signal's values at them."""
    import pandas as pd

    steps = np.unique(np.concatenate([frame.index.to_numpy() for frame in frames.values()]))
    index = pd.Index(steps, name="step")
    rows = [np.searchsorted(steps, frame.index.to_numpy()) for frame in frames.values()]

    def block(name: str) -> np.ndarray:
        values = np.full((len(frames), len(steps)), np.nan)
        for rank, frame in enumerate(frames.values()):
            if name in frame:
                values[rank, rows[rank]] = frame[name].to_numpy()
        return values

    return index, block


def _merged(name: str, block: Block, roles: Mapping[str, Any]) -> np.ndarray:
    values = block(name)
    if name == "time":
        return _first(values)
    merge = describe(name).merge
    if merge in ("min", "max"):
        extreme: np.ndarray = (np.fmin if merge == "min" else np.fmax).reduce(values)
        return extreme
    if merge == "sum":
        return _sum(values)
    if merge == "norm":
        sharded = _sharded(roles, parse(name).net)
        return np.sqrt(_sum(np.square(values))) if sharded else _mean(values, np.ones_like(values))
    if merge == "spread":
        return _pooled(values, block(str(parse(name).sibling("mean"))), _samples(name, block))
    return _mean(values, _samples(name, block))


def _sharded(roles: Mapping[str, Any], net: str) -> bool:
    own = [role for name, role in roles.items() if net in (name, parse(name).role)]
    return any(isinstance(role, dict) and bool(role.get("sharded")) for role in own)


def _samples(name: str, block: Block) -> np.ndarray:
    """How many samples of each rank stand behind a signal, NaN where that is not known; (ranks, steps)."""
    words = parse(name).head, *parse(name).words
    if "real" in words:
        return block("samples/real")
    if "fake" in words or words[0] in ("diversity", "feedback", "modes"):
        return block("samples/fake")
    return _sum(np.stack([block("samples/real"), block("samples/fake")]))


def _first(values: np.ndarray) -> np.ndarray:
    """The value of the lowest rank that has one."""
    ranks = np.argmax(~np.isnan(values), axis=0)
    first: np.ndarray = np.take_along_axis(values, ranks[None], axis=0)[0]
    return first


def _sum(values: np.ndarray) -> np.ndarray:
    """Sum over the first axis of what is recorded, NaN where nothing is."""
    total: np.ndarray = np.where(np.isnan(values).all(axis=0), np.nan, np.nansum(values, axis=0))
    return total


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean over ranks; at steps at which a rank with a value has no weight, all weigh the same."""
    there = ~np.isnan(values)
    known = (there <= (weights > 0)).all(axis=0)
    weights = np.where(there, np.where(known, weights, 1.0), 0.0)
    total = np.where(there, weights * np.where(there, values, 0.0), 0.0).sum(axis=0)
    mean: np.ndarray = total / np.where(there.any(axis=0), weights.sum(axis=0), np.nan)
    return mean


def _pooled(std: np.ndarray, means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Standard deviation of all outputs together, from that and the mean of each rank's outputs."""
    apart = np.nan_to_num(means - _mean(means, weights), nan=0.0, posinf=np.inf)
    pooled: np.ndarray = np.sqrt(_mean(np.square(std) + np.square(apart), weights))
    return pooled


def exact_after(events: Iterable[Mapping[str, Any]]) -> int:
    """The last step that a thinning touched: from there on the rows of all ranks stand for the same steps."""
    thinned = (e["to_step"] for e in events if e.get("kind") == "thinned" and e.get("what") == "scalars")
    return max(thinned, default=0)


def merge_metas(
    metas: Mapping[int, Mapping[str, Any]], frames: Mapping[int, pd.DataFrame], after: int
) -> dict[str, Any]:
    """run.json with the faults of all ranks, what comparing their rows after the step `after` shows, and in `ranks`
    who recorded any.
    """
    if len(metas) == 1 and len(frames) <= 1 and _world_size(metas[0]) == 1:
        return dict(metas[0])
    faults = [*_all_faults(metas), *_ended_early(metas, frames)]
    if len(frames) > 1:
        faults += [f for net in NETS if not _sharded(metas[0]["roles"], net) and (f := _unequal(frames, net, after))]
    return {**metas[0], "faults": faults, "ranks": list(frames)}


def _world_size(meta: Mapping[str, Any]) -> int:
    """Number of processes that took part last."""
    return int(meta["segments"][-1].get("world_size", 1)) if meta["segments"] else 1


def _all_faults(metas: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Faults by place and message; those that several ranks share are one."""
    merged: dict[tuple[Any, Any], dict[str, Any]] = {}
    for rank, meta in metas.items():
        for fault in meta["faults"]:
            known = merged.setdefault((fault.get("where"), fault.get("message")), {**fault, "count": 0, "ranks": []})
            known["count"] += fault.get("count", 1)
            known["ranks"].append(rank)
    for fault in merged.values():
        if (ranks := fault.pop("ranks")) != [0]:
            who = f"rank {ranks[0]}" if len(ranks) == 1 else f"{len(ranks)} ranks"
            fault["where"] = f"{fault.get('where')} ({who})"
    return list(merged.values())


def _ended_early(
    metas: Mapping[int, Mapping[str, Any]], frames: Mapping[int, pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    """Ranks that recorded nothing, and those that were neither closed nor recorded as much as a run that is over."""
    end = max((int(frame.index[-1]) for frame in frames.values() if len(frame)), default=0)
    over = ending(metas[0]).status != "running"
    for rank in range(1, _world_size(metas[0])):
        last = int(frames[rank].index[-1]) if rank in frames and len(frames[rank]) else 0
        status = metas[rank]["status"] if rank in metas else "missing"
        silent = not last and (over or status == "missing")
        if last < end and (silent or (over and status == "running")):
            message = f"recorded nothing after step {last:,} of {end:,}" if last else "recorded nothing"
            yield {"where": f"rank {rank}", "message": message, "count": 1, "first_step": last + 1}


def _unequal(frames: Mapping[int, pd.DataFrame], net: str, after: int) -> dict[str, Any] | None:
    """A fault when the ranks' gradient norms differ at more than half of the steps that two or more recorded."""
    name = f"grad/{net}/norm"
    index, block = _aligned(frames)
    values = block(name)[:, index > after]
    common = (~np.isnan(values)).sum(axis=0) > 1
    steps, values = index[index > after][common], values[:, common]
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    with np.errstate(invalid="ignore"):
        apart = (high != low) & (np.isinf(high) | (high - low > UNEQUAL * high))
    if not len(steps) or apart.mean() <= 0.5:
        return None
    example = int(np.argmax(apart))
    ranks = np.array(list(frames))[~np.isnan(values[:, example])]
    shown = values[:, example][~np.isnan(values[:, example])]
    most, least = int(np.argmax(shown)), int(np.argmin(shown))
    message = (
        f"gradient norms of the {net} differ between ranks, so the replicas are not synchronised: at step "
        f"{steps[example]:,} {shown[least]:.4g} on rank {ranks[least]} and {shown[most]:.4g} on rank {ranks[most]}"
    )
    return {"where": "ranks", "message": message, "count": int(apart.sum()), "first_step": int(steps[example])}

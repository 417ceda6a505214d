"""Batches that D was given and that only their values tell apart, see `gandiag.probes.contents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.reductions import MAX_POINTS
from gandiag.signal_names import Name, parse

if TYPE_CHECKING:
    from gandiag.measure.reductions import Raw

UNKNOWN = "unknown"
"""Head of the raw keys of such batches."""


def told_apart(rows: list[int], raw: Raw) -> list[tuple[list[int], Raw]]:
    """Groups of rows with D's outputs on batches of unknown kind split by the mask that was recorded with them.

    `unknown/outputs` (k, M), `unknown/points` (k, M, p) and `unknown/generated` (k, M), true for samples that hold
    G's values, become `d/real`, `d/fake`, `points/real` and `points/fake`. Rows stay without where only parts of
    a generated batch (of `unknown/size` (k,) samples) are found, as when D is shown older ones among them.
    """
    networks = [name.network for name in map(parse, raw) if name.base == Name(UNKNOWN, rest="generated")]
    if not networks:
        return [(rows, raw)]
    masks = [(_of(raw, n, "unknown/generated").astype(bool), _of(raw, n, "unknown/size")) for n in networks]
    counts = np.stack([found_whole(*mask) for mask in masks], axis=1)
    groups: list[tuple[list[int], Raw]] = []
    for count in np.unique(counts, axis=0):
        here = np.flatnonzero((counts == count).all(axis=1))
        group = {key: values[here] for key, values in raw.items() if parse(key).head != UNKNOWN}
        for network, found in zip(networks, count, strict=True):
            group |= _split(raw, network, here) if found else {}
        groups.append(([rows[i] for i in here], group))
    return groups


def found_whole(generated: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Number of generated samples in each row of a (k, M) mask; 0 unless they come in whole batches of `size` (k,).

    >>> found_whole(np.array([[0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1]], dtype=bool), np.array([2, 2, 2]))
    array([2, 0, 0])
    """
    edges = np.diff(np.pad(generated.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    counts: np.ndarray = generated.sum(axis=1)
    for i, row in enumerate(edges):
        lengths = np.flatnonzero(row == -1) - np.flatnonzero(row == 1)
        if (lengths % size[i]).any() or counts[i] == generated.shape[1]:
            counts[i] = 0
    return counts


def _split(raw: Raw, network: str, here: np.ndarray) -> dict[str, np.ndarray]:
    """One D's outputs and points in the rows `here`, in which the same number of samples is generated."""
    mask, answers, batch = (_of(raw, network, f"unknown/{k}")[here] for k in ("generated", "outputs", "points"))
    mask = mask.astype(bool)
    found: dict[str, np.ndarray] = {}
    for kind, chosen in (("real", ~mask), ("fake", mask)):
        outputs = answers[chosen].reshape(len(here), -1)
        points = batch[chosen].reshape(len(here), outputs.shape[1], -1)
        found[str(Name("d", network, kind))] = outputs
        found[str(Name("points", network, kind))] = points[:, :MAX_POINTS]
    return found


def _of(raw: Raw, network: str, key: str) -> np.ndarray:
    return raw[str(parse(key).of(network))]

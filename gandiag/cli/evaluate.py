"""`gandiag evaluate`: quality metrics of samples on disk, or of a saved generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from rich.markup import escape
from rich.table import Table

from gandiag.cli.console import console
from gandiag.cli.progress import sample_bars
from gandiag.quality import distributed
from gandiag.quality.evaluate import Evaluation, evaluate
from gandiag.quality.extractors.base import usable_device
from gandiag.quality.sources.generators import GeneratorSource, class_labels, load_generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gandiag.quality.labels import Modes


@dataclass(frozen=True, kw_only=True)
class SavedGenerator:
    """A saved generator, as the command line names it."""

    factory: str
    weights: str | None
    latent_size: tuple[int, ...] | None
    labels: str | None

    def source(self, n: int | None, device: torch.device, seed: int) -> GeneratorSource:
        """Its samples."""
        if n is None:
            raise ValueError("--generator needs --n, the number of samples to draw: 10,000 for instance")
        generator, draw = load_generator(self.factory, self.weights, device, self.latent_size)
        labels = class_labels(self.labels, n, seed) if self.labels else None
        return GeneratorSource(generator, draw, n, device, seed, labels)


def run_evaluate(
    generated: str | None, saved: SavedGenerator | None, device: str | None, options: dict[str, Any], *, quiet: bool
) -> Evaluation | None:
    """Evaluate as the command line asks, `options` going to `evaluate`; None in all processes but the first.

    Raises ValueError or TypeError, with one sentence, for whatever the user can put right.
    """
    if (generated is None) == (saved is None):
        raise ValueError("pass either GENERATED, samples on disk, or --generator, a factory of a saved generator")
    chosen = usable_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with distributed.started(chosen) as here, sample_bars(quiet=quiet or distributed.rank() > 0) as tell:
        samples = saved.source(options["n"], here, options["seed"]) if saved else generated
        return evaluate(samples, device=here, tell=tell, **options)


def print_evaluation(found: Evaluation) -> None:
    """The values as a table, then what they depend on."""
    out = console()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("metric", "value", "95 % interval", "a perfect model", "better"):
        table.add_column(title, justify="left" if title in ("metric", "better") else "right")
    for m in found.measurements:
        interval = f"{_number(m.low)} to {_number(m.high)}" if m.low is not None and m.high is not None else ""
        perfect = f"about {_number(m.perfect)}" if m.perfect is not None else ""
        table.add_row(m.name, _number(m.value), interval, perfect, {"neither": ""}.get(m.better, m.better))
    out.print(table)
    for m in found.measurements:
        for name, value in m.details.items():
            out.print(f"{m.name} {name.replace('_', ' ')}: {_number(value)}", style="dim")
    for note in dict.fromkeys([*found.notes, *(f"{m.name}: {n}" for m in found.measurements for n in m.notes)]):
        out.print(f"Note: {escape(note)}", style="yellow")
    for line in _mode_lines(found.modes) if found.modes else ():
        out.print(escape(line))
    for line in _protocol_lines(found):
        out.print(escape(line), style="dim")


def _mode_lines(modes: Modes) -> Iterator[str]:
    """What the labels show, line by line."""
    c = modes.coverage
    yield f"modes by {modes.name}: {c.captured:,} of {len(c.prior):,} captured, {c.robust:,} of them robustly"
    yield f"  {100 * c.high_quality:.1f} % of the samples belong to a mode; KL {_number(c.kl)} nats, TV {_number(c.tv)}"
    yield f"  effective number {_number(c.effective)}, of a perfect generator {_number(c.expected_effective)}"
    if (h := modes.histogram) is not None:
        missing = f"missing: {', '.join(map(str, h.missing))}" if h.missing else "none missing"
        yield f"  {missing}; histogram against its prior: p = {_number(h.chi2_p)}"
    if (asked := modes.conditional) is not None:
        named = {"ignored": asked.ignored, "collapsed": asked.collapsed, "not assessed": asked.not_assessed}
        found = "; ".join(f"{what}: {', '.join(map(str, which))}" for what, which in named.items() if which)
        yield f"  classes as asked for: {found or 'all heeded, all varied'}"


def _protocol_lines(found: Evaluation) -> Iterator[str]:
    if not found.measurements:
        return
    protocol = max((m.protocol for m in found.measurements), key=lambda p: p.n)
    against = ""
    if found.reference:
        known = "an unknown number of" if protocol.reference_n is None else f"{protocol.reference_n:,}"
        against = f" against {known} of {found.reference} ({protocol.reference_hash})"
    yield f"{protocol.n:,} samples of {found.generated}{against}"
    yield f"features: {protocol.extractor} ({protocol.extractor_hash}), resize: {protocol.resize}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"

"""Reproductions as tables: for the terminal, for Markdown, for programs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table as RichTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.reproduce.dirac import DiracRow, Trajectory
    from benchmarks.reproduce.intervals import Estimate
    from benchmarks.reproduce.pacgan import PacganTable
    from benchmarks.reproduce.spectrum import Spectrum

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Table:
    """Rows of text under headings, with notes below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def rich(self) -> RichTable:
        """For the terminal."""
        table = RichTable(*self.columns, title=self.title, title_justify="left", box=None, pad_edge=False)
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """A heading, a pipe table, a list of notes."""
        lines = [f"### {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line(cell.replace("|", r"\|") for cell in row) for row in self.rows]
        return "\n".join([*lines, *(["", *[f"- {note}" for note in self.notes]] if self.notes else [])])


def dirac_tables(rows: Sequence[DiracRow]) -> tuple[Table, Table]:
    """Eigenvalues, and trajectories."""
    return _eigenvalues(rows), _trajectories(rows)


def _eigenvalues(rows: Sequence[DiracRow]) -> Table:
    lines = [
        (
            row.method,
            _field(row.spectrum),
            _pair(row.spectrum.expected) if row.spectrum.expected else f"jumps by {row.spectrum.expected_jump:g}",
            _yes(row.converges),
            _yes(row.expected_to_converge),
            _verdict(row.same),
        )
        for row in rows
    ]
    draws = next((row.spectrum.real for row in rows if row.spectrum.real is not None), None)
    notes = ["Where D's part of the field jumps at psi = 0 there are no eigenvalues at the equilibrium."]
    if draws is not None:
        notes.append(f"Instance noise: mean and 99 % interval over {draws.n} draws; closed form -s^2/4 +- ....")
    columns = ("method", "eigenvalues", "closed form", "converges", "published", "verdict")
    return Table("Dirac-GAN: field at the equilibrium", columns, tuple(lines), tuple(notes))


def _trajectories(rows: Sequence[DiracRow]) -> Table:
    columns = ("method", "way", "radius", "last 100", "published", "per cycle", "behaviour", "verdict")
    lines = [
        (
            t.method,
            t.way,
            _radius(t.radius),
            f"{t.low:.3g} to {t.high:.3g}",
            _expected(t),
            f"{t.envelope:.3f}",
            t.behaviour,
            "nothing published" if t.same is None else _verdict(t.same),
        )
        for row in rows
        for t in row.trajectories
    ]
    notes = (
        "Radius after 500 steps of 0.2 from a distance of 1.414; alternating players move G first.",
        (
            "Per cycle: factor of the radius in 63 steps. Above 1.01 diverging, above 0.98 sustained, above 0.8 weakly "
            "damped, else damped."
        ),
        "Same: within 2 %, a factor of 2 below 0.001, and 0.01 in the factor of a cycle.",
        "The Dirac distribution has no spread, so DRAGAN's noise is 0 on it.",
    )
    return Table("Dirac-GAN: 500 steps", columns, tuple(lines), notes)


def pacgan_table(found: PacganTable) -> Table:
    """Plain and packed, ours beside the paper's."""
    modes = {"ring": 8, "grid": 25}[found.target]
    chances = {c.pack: c for c in found.comparisons}
    lines = []
    for row in found.rows:
        p, paper = chances.get(row.pack), row.published
        lines.append(
            (
                f"PacGAN{row.pack}" if row.pack > 1 else "plain",
                _mean(row.modes, 1),
                _published(paper.modes),
                _mean(row.robust, 1),
                _mean(row.high_quality, 1),
                _published(paper.high_quality),
                _mean(row.kl, 2),
                _published(paper.kl),
                "" if p is None else f"{p.modes:.3f}",
                "" if p is None else f"{p.robust:.3f}",
                "" if p is None else f"{p.kl:.3f}",
            )
        )
    columns = (
        "", f"modes of {modes}", "paper", "robust modes", "high quality %", "paper", "KL", "paper",
        "p modes", "p robust", "p KL",
    )  # fmt: skip
    notes = [
        f"n = {found.rows[0].modes.n} trials: mean +- standard error [95 % interval]; the paper's are of 10 trials.",
        "Robust modes have at least a tenth of the samples that they should have.",
        "p: one-sided Mann-Whitney, packed against plain (more modes, smaller KL).",
        *packing_effects(found),
    ]
    if found.deviations:
        notes.append("Reduced: " + "; ".join(found.deviations) + ".")
    return Table(f"PacGAN, table 1, {found.target}", columns, tuple(lines), tuple(notes))


def packing_effects(found: PacganTable) -> list[str]:
    """Whether packing is better here, in a sentence for each size."""
    plain = found.rows[0]
    sentences = []
    for row, p in zip(found.rows[1:], found.comparisons, strict=True):
        modes = _ordering(row.modes.mean > plain.modes.mean, p.modes)
        kl = _ordering(row.kl.mean < plain.kl.mean, p.kl)
        sentences.append(f"PacGAN{p.pack} finds more modes than plain: {modes}; has a smaller KL: {kl}.")
    return sentences


def json_ready(value: Any) -> Any:
    """Dataclasses, tuples, complex numbers and NaN as JSON has them."""
    if hasattr(value, "__dataclass_fields__"):
        return json_ready(asdict(value))
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [json_ready(item) for item in value]
    if isinstance(value, complex):
        return {"real": value.real, "imaginary": value.imag}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _ordering(better: bool, p: float) -> str:
    if math.isnan(p) or not better:
        return "no"
    return f"yes (p = {p:.3f})" if p < SIGNIFICANT else f"on average, but not beyond chance (p = {p:.2f})"


def _line(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _field(found: Spectrum) -> str:
    if found.found is None:
        return f"jumps by {found.jump:.3g}"
    text = _pair(found.found)
    if found.real is None:
        return text
    return f"{text}, real part {found.real.low:.4f} to {found.real.high:.4f}"


def _pair(values: tuple[complex, complex]) -> str:
    first, second = values
    if abs(first.imag) < 1e-6:
        return f"{first.real:.3f}, {second.real:.3f}"
    real = f"{first.real:.3f} " if abs(first.real) > 1e-6 else ""
    return f"{real}+- {first.imag:.3f}i"


def _expected(found: Trajectory) -> str:
    wanted, parts = found.expected, []
    if wanted.last is not None:
        parts.append(f"{wanted.last:.3g}")
    if wanted.band is not None:
        parts.append(f"({wanted.band[0]:g} to {wanted.band[1]:g})")
    if wanted.envelope is not None:
        parts.append(f"x {wanted.envelope:g}")
    return " ".join(parts) or "-"


def _radius(radius: Estimate) -> str:
    return f"{radius.mean:.3g}" + (f" [{radius.low:.2g} to {radius.high:.2g}]" if radius.n > 1 else "")


def _mean(found: Estimate, digits: int) -> str:
    text = f"{found.mean:.{digits}f}"
    if found.n < 2:
        return text
    return f"{text} +- {found.error:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def _published(value: tuple[float, float]) -> str:
    return f"{value[0]:g} +- {value[1]:g}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _verdict(same: bool) -> str:
    return "same" if same else "differs"

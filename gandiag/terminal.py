"""What the command line prints for people, with rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.detectors import Detector
    from gandiag.findings import Diagnosis, Finding
    from gandiag.run import Run

COLOURS = {
    "healthy": "green",
    "suspect": "yellow",
    "failing": "red",
    "undecided": "magenta",
    "info": "blue",
    "warning": "yellow",
    "failure": "red",
}


def wide_console() -> Console:
    """For tables that lose figures below 100 columns: a narrower terminal, or a file, gets lines of 100."""
    return Console(width=max(Console().width, 100))


def print_diagnosis(run: Run, diagnosis: Diagnosis) -> None:
    """Verdict, findings in causal order, and what was not assessed."""
    console = Console()
    status = {"running": "still running, or killed", "crashed": f"crashed: {run.meta.get('reason')}"}
    note = status.get(str(run.meta.get("status")), "closed")
    console.print(Text.assemble(coloured(diagnosis.verdict), f"  {diagnosis.last_step:,} steps, {note}"))
    for finding in diagnosis.findings:
        _print_finding(console, finding)
    if diagnosis.clean:
        console.print(f"\nLooked for and not found: {', '.join(diagnosis.clean)}")
    for entry in diagnosis.not_assessed:
        console.print(f"\nNot assessed: [bold]{entry.code}[/bold]: {escape(entry.reason)}")
        console.print(Padding(escape(entry.how_to), (0, 0, 0, 4)))
    for error in diagnosis.errors:
        console.print(f"\n[red]Detector crashed[/red]: {error.code}: {escape(error.message)}")
    for sentence in diagnosis.missing:
        console.print(f"\nMissing: {escape(sentence)}", style="yellow")


def _print_finding(console: Console, finding: Finding) -> None:
    until = "ongoing" if finding.ongoing else f"until step {finding.last_step:,}"
    console.print()
    console.print(
        Text.assemble(
            coloured(finding.severity),
            " ",
            (finding.code, "bold"),
            f"  from step {finding.onset_step:,}, {until}",
        )
    )
    lines = [finding.summary, *(f"evidence: {e}" for e in finding.evidence), finding.mechanism]
    lines += [f"try: {remedy}" for remedy in finding.remedies]
    for line in lines:
        console.print(Padding(escape(line), (0, 0, 0, 4)))


def print_explanation(detector: Detector) -> None:
    """The detector's specification."""
    from gandiag.detectors import specification

    console = Console()
    parts = specification(detector)
    console.print(f"[bold]{detector.code}[/bold]  {escape(parts.pop('Summary'))}")
    for heading, text in parts.items():
        console.print(f"\n[bold]{heading}[/bold]")
        console.print(Padding(escape(_flowing(text)), (0, 0, 0, 4)))


def _flowing(text: str) -> str:
    """Text with its line breaks left to the terminal, but for bullet points."""
    return " ".join(text.split()).replace(" - ", "\n- ") if text.startswith("- ") else " ".join(text.split())


def coloured(word: str) -> Text:
    """A verdict or severity in capitals, in its colour."""
    return Text(word.upper(), style=f"bold {COLOURS.get(word, 'white')}")


def results_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The demo's closing table: run, verdict, findings with onset, report; fits 80 columns."""
    table = Table(
        "run", "verdict", "found from step", "report", box=None, pad_edge=False, padding=(0, 1), header_style="bold"
    )
    for row in rows:
        findings = "\n".join(f"{f['code']} {f['onset_step']:,}" for f in row["findings"])
        table.add_row(row["run"], coloured(row["verdict"]), findings or "none", Text(row["report"], overflow="fold"))
    return table

"""What the command line prints for people, with rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gandiag.cli.console import console
from gandiag.judge.sparse import ATTACH, is_imported, what_logs_lack
from gandiag.rundir.ending import ending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gandiag.detectors import Detector
    from gandiag.findings import Diagnosis, Finding
    from gandiag.remedy import Remedy
    from gandiag.rundir.run import Run

COLOURS = {
    "healthy": "green",
    "suspect": "yellow",
    "failing": "red",
    "undecided": "magenta",
    "info": "blue",
    "warning": "yellow",
    "failure": "red",
}


def print_diagnosis(run: Run, diagnosis: Diagnosis) -> None:
    """Verdict, findings in order of onset, what led to what, and what was not assessed."""
    out = console()
    out.print(Text.assemble(coloured(diagnosis.verdict), f"  {diagnosis.last_step:,} steps, {ending(run.meta)}"))
    for sentence in filter(None, (diagnosis.caveat, *diagnosis.normal)):
        out.print(Padding(escape(sentence), (0, 0, 0, 4)))
    for finding in diagnosis.findings:
        print_finding(out, finding)
    if diagnosis.story.line:
        out.print(f"\n[bold]What led to what[/bold]: {escape(diagnosis.story.line)}")
        out.print(Padding(escape(diagnosis.story.sentence), (0, 0, 0, 4)))
    if diagnosis.checks:
        told = ", ".join(f"{code} {outcome}" for code, outcome in diagnosis.checks.items())
        out.print(f"\nChecked in the loop: {told}")
    if diagnosis.clean:
        out.print(f"\nLooked for and not found: {', '.join(diagnosis.clean)}")
    _print_unseen(out, run, diagnosis)
    for excluded in diagnosis.not_applicable:
        out.print(f"\nNot applicable: [bold]{excluded.code}[/bold]: {escape(excluded.reason)}")
    for error in diagnosis.errors:
        out.print(f"\n[red]Detector crashed[/red]: {error.code}: {escape(error.message)}")
    for sentence in (s for s in diagnosis.missing if s not in what_logs_lack(run)):
        out.print(f"\nMissing: {escape(sentence)}", style="yellow")


def _print_unseen(out: Console, run: Run, diagnosis: Diagnosis) -> None:
    """What could not be looked for; of imported runs what logs lack is told at once, as one line would show it all."""
    for sentence in what_logs_lack(run):
        out.print(f"\nFrom logs: {escape(sentence)}")
    lacking = [entry for entry in diagnosis.not_assessed if entry.missing and is_imported(run)]
    if lacking:
        names = ", ".join(entry.title for entry in lacking)
        out.print(f"\nNot in these logs, and shown by a training with {escape(ATTACH)}: {escape(names)}")
    for entry in (e for e in diagnosis.not_assessed if e not in lacking):
        out.print(f"\nNot assessed: [bold]{escape(entry.title)}[/bold]: {escape(entry.reason)}")
        out.print(Padding(escape(entry.how_to), (0, 0, 0, 4)))


def print_finding(out: Console, finding: Finding) -> None:
    """One finding: since when, on what evidence, by what mechanism, and what to try."""
    out.print()
    out.print(
        Text.assemble(
            coloured(finding.severity),
            " ",
            (finding.title, "bold"),
            f"  {finding.when}",
        )
    )
    lines = [finding.summary, *(f"evidence: {e}" for e in finding.evidence), finding.mechanism]
    lines += [f"try: {remedy.change}" for remedy in finding.remedies]
    for line in lines:
        out.print(Padding(escape(line), (0, 0, 0, 4)))


def print_explanation(detector: Detector) -> None:
    """The detector's specification, with what it names as remedies in full."""
    from gandiag.detectors import specification
    from gandiag.detectors.specification import remedies

    out = console()
    parts = specification(detector)
    out.print(f"[bold]{detector.code}[/bold]  {escape(parts.pop('Summary'))}")
    for heading, text in parts.items():
        out.print(f"\n[bold]{heading}[/bold]")
        if heading == "Try":
            for remedy in remedies(detector):
                _print_remedy(out, remedy)
        else:
            out.print(Padding(escape(" ".join(text.split())), (0, 0, 0, 4)))
    for family, reason in detector.not_for.items():
        out.print(f"\n[bold]Not for {family}[/bold]: {escape(reason)}")


def _print_remedy(out: Console, remedy: Remedy) -> None:
    out.print(Padding(f"[bold]{remedy.name}[/bold]: {escape(remedy.change)}", (0, 0, 0, 4)))
    for line in remedy.code.splitlines():
        out.print(Text(f"        {line}", style="cyan"), soft_wrap=True)  # to be copied as it is
    for name, text in remedy.facts():
        out.print(Padding(Text.assemble((f"{name}: ", "dim"), text), (0, 0, 0, 8)))
    out.print()


def coloured(word: str) -> Text:
    """A verdict or severity in capitals, in its colour."""
    return Text(word.upper(), style=f"bold {COLOURS.get(word, 'white')}")


def results_table(rows: Sequence[dict[str, Any]]) -> Group:
    """The demo's closing table (run, verdict, findings with onset) and the reports below; fits 80 columns."""
    table = Table("run", "verdict", "found from step", box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for row in rows:
        findings = "\n".join(f"{f['code']} {f['onset_step']:,}" for f in row["findings"])
        table.add_row(row["run"], coloured(row["verdict"]), findings or "none")
    reports = [Text(row["report"], overflow="fold") for row in rows]
    return Group(table, "", Text("reports", style="bold"), *reports)

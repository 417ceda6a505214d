"""Options that the commands share."""

from __future__ import annotations

import click

PROCESSES = click.option(
    "--processes", type=click.IntRange(min=1), default=2, show_default=True, help="Trainings at a time."
)
MARKDOWN = click.option("--markdown", metavar="FILE", help="Also write the tables to this file.")

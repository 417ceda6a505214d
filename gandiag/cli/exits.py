"""How commands end and what they print for programs."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import click

EXIT_UNREADABLE = 2
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


def print_json(content: Any) -> None:
    """Indented JSON on stdout; numbers that JSON lacks as their names."""
    from gandiag.findings import json_ready

    click.echo(json.dumps(json_ready(content), indent=1))


def refuse(message: str) -> NoReturn:
    """End with one sentence on stderr and exit code 2."""
    click.echo(f"gandiag: {message}", err=True)
    sys.exit(EXIT_UNREADABLE)

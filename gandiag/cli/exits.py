"""How commands end and what they print for programs."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from gandiag.wording import shown

EXIT_UNREADABLE = 2
TRACEBACK = "GANDIAG_TRACEBACK"
"""The variable of the environment that asks for tracebacks of faults of our own."""
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


def print_json(content: Any) -> None:
    """Indented JSON on stdout; numbers that JSON lacks as their names."""
    from gandiag.findings import json_ready

    click.echo(json.dumps(json_ready(content), indent=1))


def say(text: str, *, err: bool = False) -> None:
    """One line on stdout, or on stderr, whatever stands in the text."""
    click.echo(re.sub(r"\s*[\n\t]\s*", " ", shown(text)), err=err)


def refuse(message: str) -> NoReturn:
    """End with one sentence on stderr and exit code 2."""
    say(f"gandiag: {message}", err=True)
    sys.exit(EXIT_UNREADABLE)


class Commands(click.Group):
    """The commands: none ends with a traceback, none with 1 by a fault of ours: that says that a run is failing."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal that has no such letter is shown its number
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - Python itself would exit with 1
            if os.environ.get(TRACEBACK):
                traceback.print_exc()
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
            refuse(f"broke off by a fault of gandiag's own ({where}: {error}); nothing is said of the input. "
                   f"{TRACEBACK}=1 shows the traceback")  # fmt: skip

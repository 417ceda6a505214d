"""How commands end and what they print for programs."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from pathlib import Path
from typing import IO, Any, NoReturn

import click

from gandiag.wording import shown

EXIT_UNREADABLE = 2
EXAMPLES = {"value_range": "-1 1", "reference_range": "-1 1"}  # of values that an option takes
TRACEBACK = "GANDIAG_TRACEBACK"
"""The variable of the environment that asks for tracebacks of faults of our own."""
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


def print_json(content: Any) -> None:
    """Indented JSON on stdout; numbers that JSON lacks as their names."""
    from gandiag.findings import json_ready

    _echo(json.dumps(json_ready(content), indent=1))


def say(text: str, *, err: bool = False) -> bool:
    """One line on stdout, or on stderr, whatever stands in the text; False where nobody reads it any more."""
    return _echo(re.sub(r"\s*[\n\t]\s*", " ", shown(text)), err=err)


def _echo(text: str, *, err: bool = False) -> bool:
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        unread(sys.stderr if err else sys.stdout)
        return False
    return True


def unread(stream: IO[str]) -> None:
    """The reader of a stream is gone, as after `| head`: what else is written there is dropped, the work goes on."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def refuse(message: str) -> NoReturn:
    """End with one sentence on stderr and exit code 2."""
    say(f"gandiag: {in_options(message)}", err=True)
    sys.exit(EXIT_UNREADABLE)


def in_options(message: str) -> str:
    """A message that names arguments of Python, with the options of the command at hand in their place."""
    context = click.get_current_context(silent=True)
    for option in context.command.params if context else ():
        name, written = str(option.name), option.opts[0]
        if written.startswith("--"):
            message = message.replace(f"{name}=True", written)
            message = re.sub(rf"\b{name}=\([^)]*\)", f"{written} {EXAMPLES.get(name, '...')}", message)
            message = re.sub(rf"\b{name}=(?=\w)", f"{written} ", message)
            message = re.sub(rf"\bpass {name}\b", f"pass {written}", message)
    return message


def shape(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """An option's value as whole numbers: one, or several separated by commas, all from 1."""
    if value is None:
        return None
    parts = value.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r} is no whole number from 1, nor several as 64,1,1")
    return tuple(map(int, parts))


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

"""Where reports go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.rundir.folder import Folder, RunError

from . import html, pdf

if TYPE_CHECKING:
    from os import PathLike

    from gandiag.findings import Diagnosis
    from gandiag.rundir.run import Run


def write(run: Run, diagnosis: Diagnosis, folder: str | PathLike[str]) -> list[str]:
    """Write report.html and report.pdf of a run into a folder, local or any fsspec path, and return their paths.

    Raises
    ------
    RunError
        When the folder cannot be written.
    """
    target = Folder(folder)
    contents = {"report.html": html.render(run, diagnosis).encode(), "report.pdf": pdf.render(run, diagnosis)}
    try:
        target.fs.makedirs(target.root, exist_ok=True)
        for name, content in contents.items():
            target.write(content, name)
    except OSError as error:
        raise RunError(f"{target.path}: cannot be written: {error.strerror or error}") from error
    return [f"{target.path.rstrip('/')}/{name}" for name in contents]

"""Where reports go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.rundir.folder import Folder, RunError
from gandiag.rundir.run import Run

from . import html, pdf

if TYPE_CHECKING:
    from os import PathLike

    from gandiag.findings import Diagnosis


def write(
    run: Run | str | PathLike[str], diagnosis: Diagnosis | None = None, folder: str | PathLike[str] | None = None
) -> list[str]:
    """Write report.html and report.pdf of a run into a folder, and return their paths.

    Parameters
    ----------
    run : a run, or its directory, local or any fsspec path
    diagnosis : by default what `gandiag.diagnose` says of the run
    folder : local or any fsspec path, by default the run's own directory

    Raises
    ------
    RunError
        When the run cannot be read, or the folder cannot be written.
    """
    if not isinstance(run, Run):
        run = Run.open(run)
    if diagnosis is None:
        import gandiag

        diagnosis = gandiag.diagnose(run)
    if folder is None and not run.path:
        raise RunError("folder= is needed, as this run lies in no directory")
    target = Folder(run.path if folder is None else folder)
    contents = {"report.html": html.render(run, diagnosis).encode(), "report.pdf": pdf.render(run, diagnosis)}
    try:
        target.fs.makedirs(target.root, exist_ok=True)
        for name, content in contents.items():
            target.write(content, name)
    except OSError as error:
        raise RunError(f"{target.path}: cannot be written: {error.strerror or error}") from error
    return [f"{target.path.rstrip('/')}/{name}" for name in contents]

"""Which run directories are meant: paths, globs and fsspec URLs, and folders of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.rundir.folder import Folder, RunError, meta_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

GLOB = "*?["


def find_runs(paths: Iterable[str | PathLike[str]]) -> list[str]:
    """The run directories that these paths stand for, in their order, each once.

    A path may be a glob, local or of any fsspec file system (`s3://bucket/sweep/*`), of which files and folders without
    a run are left out; or a folder that holds no run itself but folders that do. Any other path stands for itself,
    whether there is a run or not.

    Raises RunError for a path that cannot be opened.
    """
    found: dict[str, None] = {}
    for path in paths:
        folder = Folder(path)
        try:
            found.update(dict.fromkeys(_runs(folder)))
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror or error}") from error
    return list(found)


def _runs(folder: Folder) -> list[str]:
    path, files = folder.path.rstrip("/") or "/", folder.fs
    if any(letter in path for letter in GLOB) and not files.exists(folder.root):
        places = [place for place in sorted(map(str, files.glob(folder.root))) if files.isdir(place)]
        matched = [place for place in places if files.exists(f"{place}/{meta_name(0)}")]
        return [_as_given(folder, place) for place in matched or places]
    if files.exists(folder.join(meta_name(0))) or not files.isdir(folder.root):
        return [path]
    inside = sorted(str(place).rstrip("/") for place in files.ls(folder.root, detail=False))
    runs = [place for place in inside if files.exists(f"{place}/{meta_name(0)}")]
    return [f"{path}/{place.rpartition('/')[2]}" for place in runs] or [path]


def _as_given(folder: Folder, place: str) -> str:
    """A place that a glob found, written as the glob was: relative, or with its protocol."""
    if "://" in folder.path:
        return str(folder.fs.unstrip_protocol(place))
    return place.removeprefix(folder.root.removesuffix(folder.path)) if folder.root.endswith(folder.path) else place

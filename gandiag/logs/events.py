"""TensorBoard's event files as logs: all values of all tags, several files and folders of one run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gandiag.files import UnreadableError, parsed_json
from gandiag.logs.series import LogError, Picture
from gandiag.sinks.event_files import MARK, RUN_TAG, messages, values
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gandiag.logs.series import Log

    Progress = Callable[[int], None]

PEEKED = 400  # events of a file that tell which tags it has
SPLITS = frozenset({"train", "training", "val", "valid", "validation", "eval", "test"})


def event_files(folder: Path) -> dict[Path, list[Path]]:
    """The event files below a folder by the folder they lie in, each in the order in which they were begun."""
    found: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob(f"*{MARK}*")):
        if path.is_file() and not path.name.endswith((".profile-empty", ".v2.tmp")):
            found.setdefault(path.parent, []).append(path)
    return {parent: sorted(paths, key=_begun) for parent, paths in found.items()}


def _begun(path: Path) -> tuple[int, str]:
    number = re.search(rf"{MARK}\.(\d+)", path.name)
    return int(number[1]) if number else 0, path.name


def read_events(root: Path, log: Log, run: str | None, progress: Progress) -> None:
    """Take in the event files of one run below a folder, or one file.

    Raises LogError where there are several runs, or nothing can be read.
    """
    folders = {root.parent: [root]} if root.is_file() else event_files(root)
    named = _names(root if root.is_dir() else root.parent, folders, run)
    for folder, paths in folders.items():
        if folder in named:
            for path in paths:
                _read_file(path, log, named[folder], progress)
    if not log.series and not log.pictures:
        raise LogError(f"{root}: {'; '.join(log.notes) or 'its event files hold no scalars and no images'}")


def _read_file(path: Path, log: Log, name: Callable[[str], str], progress: Progress) -> None:
    try:
        with path.open("rb") as file:
            seen = 0
            for message, place in messages(file):
                if place - seen > 2**20:
                    progress(place - seen)
                    seen = place
                _take(message, log, name)
            progress(file.tell() - seen)
    except OSError as error:
        log.note(f"{path.name} cannot be read: {error.strerror or error}")
    except UnreadableError as error:
        log.note(f"{path.name} {error}; what comes before was read")


def _take(message: bytes, log: Log, name: Callable[[str], str]) -> None:
    try:
        found = list(values(message))
    except ValueError as error:
        raise UnreadableError(f"holds an event that cannot be read ({error})") from error
    for value in found:
        if value.number is not None:
            log.add(name(value.tag), value.step, value.number, value.time)
        elif value.image:
            log.picture(Picture(name(value.tag), value.step, content=value.image))
        elif value.tag == RUN_TAG:
            _own(value.text, log)


def _own(text: str, log: Log) -> None:
    """What an export of gandiag says of its run."""
    try:
        told = parsed_json(text.encode())
    except UnreadableError:
        return
    if isinstance(told, dict):
        log.facts["exported"] = True
        log.kept = told


def _names(root: Path, folders: dict[Path, list[Path]], run: str | None) -> dict[Path, Callable[[str], str]]:
    """For each folder of the run, how its tags are named: folders may be part of a name.

    mimicry writes one folder for each metric and its group as the tag; `add_scalars` one for each of its keys,
    `<tag>_<key>`; Keras one for training and one for validation.
    """
    if not folders:
        raise LogError(f"{root}: no event files of TensorBoard below it")
    if run is not None:
        chosen = [f for f in folders if str(f.relative_to(root)) == run or f.name == run]
        if not chosen:
            raise LogError(
                f"{root}: no run {run!r}; there are {listed((str(f.relative_to(root)) for f in folders), 20)}"
            )
        return {chosen[0]: _plain}
    if len(folders) == 1:
        return {next(iter(folders)): _plain}
    return _several(root, folders)


def _several(root: Path, folders: dict[Path, list[Path]]) -> dict[Path, Callable[[str], str]]:
    tags = {folder: set(_peek(paths)) for folder, paths in folders.items()}
    outer = min(folders, key=lambda f: len(f.parts))
    named: dict[Path, Callable[[str], str]] = {}
    for folder in folders:
        if folder == outer and all(outer in f.parents for f in folders if f != outer):
            named[folder] = _plain
        elif folder.name.lower() in SPLITS:
            named[folder] = _prefixed("" if folder.name.lower().startswith("train") else f"{folder.name}/")
        elif len(tags[folder]) == 1 and _is_key(folder.name, next(iter(tags[folder]))):
            named[folder] = _keyed(folder.name)
        elif len(tags[folder]) == 1 and outer not in folder.parents:
            named[folder] = _folder(folder.name)
    alike = sum(tags[f] == tags[outer] and len(tags[f]) > 1 for f in folders) > 1
    splits = all(f.name.lower() in SPLITS or f == outer for f in folders)
    if (set(named) != set(folders) or alike) and not splits:
        runs = listed((str(f.relative_to(root)) for f in folders), 20)
        raise LogError(f"{root}: holds several runs; choose one with --run: {runs}")
    return named


def _peek(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        try:
            with path.open("rb") as file:
                for number, (message, _) in enumerate(messages(file)):
                    yield from (value.tag for value in values(message))
                    if number >= PEEKED:
                        break
        except (OSError, ValueError):
            continue


def _plain(tag: str) -> str:
    return tag


def _prefixed(prefix: str) -> Callable[[str], str]:
    return lambda tag: f"{prefix}{tag.removeprefix('epoch_').removeprefix('batch_')}"


def _folder(name: str) -> Callable[[str], str]:
    return lambda _: name


def _is_key(folder: str, tag: str) -> bool:
    return folder.startswith(f"{tag.replace('/', '_').replace(' ', '_')}_")


def _keyed(folder: str) -> Callable[[str], str]:
    return lambda tag: f"{tag}/{folder[len(tag) + 1 :]}"

"""Files of weights as training loops leave them: told apart by their first bytes, bounded, and read without code."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from typing import TYPE_CHECKING, Any, Literal

import torch

from gandiag.files import UnreadableError, parsed_json

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["torch", "safetensors", "program", "other"]

MAX_BYTES = 64 * 2**30  # of tensors in one file
MAX_HEADER = 100 * 2**20  # of a safetensors file, as its own library allows
MAX_EXPANSION = 100  # bytes for each byte of a compressed entry
SYMBOLS = re.compile(
    r"[a-z]{1,3}\d+|Max|Min|FloorDiv|CeilDiv|Mod|PythonMod|CleanDiv|IntTrueDiv|TrueDiv|Add|Mul|Pow|Integer|Rational|Eq|Ne|oo"
)
"""What shapes of an exported program are written with: they are evaluated when it is read."""
SYMBOL = re.compile(r"Symbol\('([a-z]{1,3}\d+)'(?:, [a-z]+=(?:True|False))*\)")
"""A symbol written out."""


class CodeError(ValueError):
    """A file that can only be read by running code that it holds."""


def kind_of(path: Path) -> Kind:
    """What a file holds, by its content: the name's ending may be missing or wrong.

    Raises ValueError when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(10)
        if head[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
            if any(name.split("/", 1)[-1].startswith("models/") for name in names):
                return "program"
            return "torch" if any(name.rsplit("/", 1)[-1] == "data.pkl" for name in names) else "other"
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: is cut short or damaged: it begins like a file of torch.save, "
                         "and the end of its archive is missing") from error  # fmt: skip
    except Exception as error:
        raise ValueError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(head) == 10 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_HEADER:
        return "safetensors"
    return "torch" if head[:1] == b"\x80" else "other"  # a pickle: torch.save before version 1.6, or somebody's own


def read_weights(path: Path, *, trust: bool = False) -> Any:
    """What a file of `torch.save` or of safetensors holds, on the CPU.

    No code that it may hold is run, unless `trust` says so.

    Raises
    ------
    CodeError
        When it holds Python objects beside tensors, with how to convert it.
    ValueError
        When there is no such file, it is no file of weights, or larger than it may be.
    """
    if not path.is_file():
        raise ValueError(f"{path}: does not exist")
    kind = kind_of(path)
    if kind == "safetensors":
        return _safetensors(path)
    if kind == "program":
        raise ValueError(f"{path}: is an exported program, no file of weights; pass it without a generator factory")
    if kind == "other":
        raise ValueError(f"{path}: not a readable file of weights: neither of torch.save nor of safetensors")
    if zipfile.is_zipfile(path):
        check_expansion(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=not trust)
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error) or "Unsupported" in str(error):
            raise CodeError(_how_to_convert(path, error)) from error
        raise ValueError(f"{path}: not a readable file of weights: {_first_line(error)}") from error
    except Exception as error:
        raise ValueError(f"{path}: not a readable file of weights: {_first_line(error)}") from error


def read_program(path: Path, *, trust: bool = False) -> torch.export.ExportedProgram:
    """A program of `torch.export.save`.

    `torch.export.load` itself would unpickle what such a file may hold; that is looked for before, and refused unless
    `trust` says otherwise.

    Raises CodeError for one that holds pickles or code, ValueError for one that cannot be read.
    """
    check_expansion(path)
    try:
        if not trust:
            _check_program(path)
        return torch.export.load(path)
    except CodeError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: not a readable program of torch.export.save: {_first_line(error)}") from error


def check_expansion(path: Path, most: int = MAX_BYTES) -> None:
    """Raise ValueError for a zip archive (.pt, .npz) whose entries would take more room than they may."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    total = sum(entry.file_size for entry in entries)
    if total > most:
        raise ValueError(f"{path}: would expand to {total:,} bytes, more than the {most:,} that are allowed")
    for entry in entries:
        if entry.file_size > max(2**20, MAX_EXPANSION * entry.compress_size):
            raise ValueError(f"{path}: {entry.filename} would expand from {entry.compress_size:,} to "
                             f"{entry.file_size:,} bytes, as no weights and no samples do")  # fmt: skip


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ValueError(f"{path}: reading it takes the package safetensors: pip install safetensors") from error
    try:
        found: dict[str, torch.Tensor] = load_file(path)
    except Exception as error:
        raise ValueError(f"{path}: not a readable file of safetensors: {_first_line(error)}") from error
    return found


def _check_program(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            inner = entry.split("/", 1)[-1]
            if inner.startswith("data/aotinductor/"):
                raise CodeError(f"{path}: holds compiled code ({inner}), which is not run; {_TRUST}")
            if inner.endswith("_config.json"):
                pickled = [n for n, m in _json(archive, entry).get("config", {}).items() if m.get("use_pickle")]
                if pickled:
                    raise CodeError(f"{path}: holds pickled objects ({pickled[0]}), which may run code; {_TRUST}")
            if inner.startswith("data/sample_inputs/"):
                _check_inputs(path, archive.read(entry))
            if inner.startswith("models/"):
                _check_symbols(path, _json(archive, entry))


def _check_inputs(path: Path, content: bytes) -> None:
    """`torch.export.load` reads these with code allowed where they need it; so they must not need it."""
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise CodeError(f"{path}: its sample inputs hold Python objects, which may run code; {_TRUST}") from error


def _check_symbols(path: Path, value: Any) -> None:
    """Shapes are expressions that sympy evaluates: nothing but symbols, numbers and arithmetic is let through."""
    if isinstance(value, dict):
        text = value.get("expr_str")
        if isinstance(text, str):
            plain = SYMBOL.sub(r"\1", text)
            words = re.findall(r"[A-Za-z_]\w*", plain)
            if re.search(r"[^\w\s+\-*/(),<>=!]", plain) or not all(SYMBOLS.fullmatch(word) for word in words):
                raise CodeError(f"{path}: has a shape {text[:40]!r} that is no arithmetic; {_TRUST}")
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        _check_symbols(path, inner)


def _json(archive: zipfile.ZipFile, entry: str) -> dict[str, Any]:
    try:
        found = parsed_json(archive.read(entry))
    except UnreadableError as error:
        raise ValueError(f"{archive.filename}: {entry} is damaged: {error}") from error
    return found if isinstance(found, dict) else {}


_TRUST = "--trust (trust=True) reads it all the same, where you know who wrote it"


def _how_to_convert(path: Path, error: Exception) -> str:
    named = re.search(r"GLOBAL (\S+)", str(error)) or re.search(r"[Uu]nsupported (?:class|global|operand)[^\w]*(\S+)",
                                                                 str(error))  # fmt: skip
    what = f"Python objects ({named.group(1)})" if named else "Python objects"
    return (
        f"{path}: holds {what} beside tensors, and reading them may run code; where you trust the file, keep its "
        f'weights alone: torch.save(torch.load("{path.name}", weights_only=False)["g_ema"], "g.pt"), '
        f"with your key for g_ema, and .state_dict() behind it where that is a module; {_TRUST}"
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

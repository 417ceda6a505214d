"""Files of samples, statistics, weights and policies that somebody means harm with, each by what is wrong with it."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Contents = Mapping[str, bytes | Callable[[], bytes]]

BOMB = 2**27  # bytes that something small expands to; made when it is written


def header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    """An .npy file that has nothing but its header."""
    sink = io.BytesIO()
    np.lib.format.write_array_header_1_0(sink, {"descr": kind, "fortran_order": False, "shape": shape})
    return sink.getvalue()


def archive(*names: str, content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive whose entries all hold the same."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as file:
        for name in names:
            file.writestr(name, content)
    return sink.getvalue()


def encrypted(content: bytes) -> bytes:
    """The same archive with the bits set that say it were encrypted."""
    return _directory(content, 8, lambda flags: flags | 1)


def unknown_compression(content: bytes) -> bytes:
    """The same archive by a method that nobody knows."""
    return _directory(content, 10, lambda _: 77)


def flipped(content: bytes) -> bytes:
    """The same bytes but for some in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes(255 - b for b in content[middle : middle + 20]) + content[middle + 20 :]


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A grey picture that claims a size, whatever its pixels are."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def _directory(content: bytes, offset: int, change: Any) -> bytes:
    out = bytearray(content)
    place = out.find(b"PK\x01\x02")
    while place >= 0:
        out[place + offset] = change(out[place + offset])
        place = out.find(b"PK\x01\x02", place + 1)
    return bytes(out)


def _npz(**arrays: Any) -> bytes:
    sink = io.BytesIO()
    np.savez_compressed(sink, **arrays)
    return sink.getvalue()


class _Code:
    def __reduce__(self) -> Any:
        return print, ("code was run",)


@cache
def sample_files() -> Contents:
    """By their name: files that stand for samples, none of which can be read."""
    good = _npz(x=np.random.default_rng(0).normal(size=(50, 8)))
    deep = b'{"a":' * 5000 + b"1" + b"}" * 5000
    return {
        "empty.npz": b"",
        "empty.npy": b"",
        "no-entries.npz": archive(content=b""),
        "empty-entry.npz": archive("x.npy", content=b""),
        "768-tib.npz": archive("x.npy", content=header((2**46, 2**1), "<f8")[:-1] + b"\n"),
        "768-tib.npy": header((2**46, 2)),
        "negative.npy": header((-5, 2)),
        "no-header.npy": b"\x93NUMPY\x01\x00\xff\xff",
        "torn-header.npy": b"\x93NUMPY\x01\x00\x0c\x00{'shape': 3 \n",
        "token.npz": archive("x.npy", content=b"\x93NUMPY\x01\x00\x08\x00(((((((\n"),
        "objects.npy": _saved(np.array([{}, 1], dtype=object)),
        "objects.npz": _npz(x=np.array([{}, 1], dtype=object)),
        "text.npz": _npz(x=np.array(["a", "b"])),
        "scalar.npz": _npz(x=np.array(1.0)),
        "no-samples.npz": _npz(x=np.zeros((0, 8))),
        "flipped.npz": flipped(good),
        "cut.npz": good[: len(good) // 2],
        "encrypted.npz": encrypted(good),
        "compression.npz": unknown_compression(good),
        "bomb.npz": lambda: _npz(x=np.zeros((2**20, BOMB // 2**23))),
        "idx1-bomb.gz": lambda: gzip.compress(b"\0\0\x08\x02" + struct.pack(">II", BOMB // 100, 100) + bytes(BOMB), 9),
        "idx1-endless.gz": gzip.compress(b"\0\0\x08\x02" + struct.pack(">II", 2**31, 2**31)),
        "deep.json": deep,
        "pickle.npy": pickle.dumps(_Code()),
    }


def picture_files() -> Contents:
    """By their name: images none of which can be read."""
    return {
        "bomb.png": lambda: png(20_000, 20_000, bytes(20_001 * 20_000 // 8)),
        "larger-bomb.png": png(60_000, 60_000),
        "cut.png": png(8, 8, bytes(72))[:40],
        "empty.png": b"",
        "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "header.png": b"\x89PNG\r\n\x1a\n" + b"\xff" * 64,
        "tiff.tif": b"II*\0" + b"\xff" * 64,
    }


@cache
def weight_files() -> Contents:
    """By their name: files that stand for weights, none of which can be read."""
    return {
        "empty.pt": b"",
        "pk.pt": b"PK\x03\x04",
        "code.pt": pickle.dumps(_Code()),
        "zip-code.pt": archive("a/data.pkl", content=pickle.dumps(_Code(), protocol=2)),
        "bomb.pt": lambda: archive("a/data.pkl", "a/data/0", content=bytes(BOMB), compression=zipfile.ZIP_DEFLATED),
        "encrypted.pt": encrypted(archive("a/data.pkl", content=pickle.dumps({}))),
        "program.pt2": archive("a/models/model.json", content=b'{"a":' * 5000 + b"1" + b"}" * 5000),
        "other-program.pt2": archive("a/models/model.json", content=b"\xff"),
        "huge.safetensors": struct.pack("<Q", 2**60) + b"{",
        "header.safetensors": struct.pack("<Q", 64)
        + json.dumps({"x": {"dtype": "F64", "shape": [2**50], "data_offsets": [0, 8]}}).encode().ljust(64)
        + bytes(8),
        "noise.pt": bytes(range(256)) * 9,
    }


def policy_files() -> Contents:
    """By their name: policies none of which can be used."""
    return {
        "nested.toml": b"a = " + b"[" * 5000 + b"]" * 5000,
        "tables.toml": b"[detectors.mode-collapse]\nshare = " + b"{a=" * 5000 + b"1" + b"}" * 5000,
        "dotted.toml": b"[detectors.mode-collapse]\nshare." + b"a." * 5000 + b"a = 1",
        "top.toml": b"[" + b"a." * 5000 + b"a]\nb = 1",
        "digits.toml": b"[stop]\nfor_steps = " + b"9" * 5000,
        "long.toml": b'[detectors.mode-collapse]\nshare = "' + b"x" * 100_000 + b'"',
        "steering.toml": b'"\\u001b[31m\\u202e" = 1',
        "nul.toml": b"\0",
        "latin.toml": b"\xff\xfe",
        "large.toml": b"#" * (5 * 2**20),
        "check.toml": b"[check]\nrules." + b"a." * 2000 + b"a = 1",
    }


def baseline_files() -> Contents:
    """By their name: baselines none of which can be used."""

    def kept(**changes: Any) -> bytes:
        value = {"value": 1.0, "low": 0.5, "high": 2.0, "better": "lower", "n": 10, "protocol": {}} | changes
        return json.dumps({"schema": "gandiag-baseline/1", "target": "x", "values": {"fid": value}}).encode()

    return {
        "deep.json": b'{"a":' * 5000 + b"1" + b"}" * 5000,
        "text.json": kept(value="text"),
        "list.json": kept(protocol=[1]),
        "field.json": kept(other=1),
        "better.json": kept(better="\x1b"),
        "values.json": b'{"schema": "gandiag-baseline/1", "values": 3}',
        "digits.json": kept(n=1).replace(b'"n": 1', b'"n": ' + b"9" * 5000),
    }


def _saved(array: Any) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def write(folder: Path, files: Contents) -> list[Path]:
    """The files, written."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content() if callable(content) else content)
    return [folder / name for name in files]

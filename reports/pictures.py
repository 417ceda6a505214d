"""Pictures of samples in a page: each stands in it once, however often it is shown."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .strips import Frame

SPACED = 9  # snapshots on the timeline
PART = 0.25  # of a snapshot's width and height, on the timeline


class Pictures:
    """Gives each frame a name to show it by, and defines them all at the end of the page."""

    def __init__(self) -> None:
        self._named: dict[tuple[bytes, str], str] = {}

    def name(self, frame: Frame) -> str:
        """The class that shows an image, or the id of points."""
        return self._named.setdefault((frame.image, frame.points), f"s{len(self._named)}")

    def style(self) -> str:
        """A style sheet: images as backgrounds of their classes."""
        rules = [
            f".{name}{{background-image:url({data_uri(image)});aspect-ratio:{_ratio(image)}}}"
            for (image, _), name in self._named.items()
            if image
        ]
        return "\n".join(rules)

    def symbols(self) -> str:
        """SVG definitions of points; their paths are ours, numbers and a few letters."""
        return "".join(
            f'<path id="{name}" class="dots" d="{points}"/>' for (_, points), name in self._named.items() if points
        )


def data_uri(image: bytes) -> str:
    """A PNG or JPEG as an address that needs no file."""
    return f"data:image/{kind(image)};base64," + base64.b64encode(image).decode("ascii")


def _ratio(image: bytes) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(image)) as picture:
        return f"{picture.width}/{picture.height}"


def corner(image: bytes) -> bytes:
    """The upper left part of a picture, which of a grid of samples shows a few, as a PNG."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as picture:
        part = picture.crop((0, 0, max(round(picture.width * PART), 1), max(round(picture.height * PART), 1)))
    out = io.BytesIO()
    (part if part.mode in ("L", "RGB", "RGBA") else part.convert("RGB")).save(out, format="PNG")
    return out.getvalue()


def spaced(frames: Sequence[Frame], window: tuple[int, int]) -> list[tuple[int, Frame]]:
    """Some snapshots, with their places, that stand about evenly on the axis of steps."""
    if not frames:
        return []
    steps = np.array([frame.step for frame in frames])
    wanted = np.linspace(window[0], window[1], SPACED)
    near = (window[1] - window[0]) / (2 * SPACED)
    places = dict.fromkeys(int(np.abs(steps - step).argmin()) for step in wanted)
    kept: list[int] = []
    for place in sorted(places):
        if not kept or steps[place] - steps[kept[-1]] >= near:
            kept.append(place)
    return [(place, frames[place]) for place in kept]


def kind(image: bytes) -> str:
    """Which of the two it is, as in names of files and types."""
    return "png" if image.startswith(b"\x89PNG") else "jpeg"

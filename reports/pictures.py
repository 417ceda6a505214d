"""Pictures of samples in a page: each stands in it once, however often it is shown."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .strips import Frame


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


def kind(image: bytes) -> str:
    """Which of the two it is, as in names of files and types."""
    return "png" if image.startswith(b"\x89PNG") else "jpeg"

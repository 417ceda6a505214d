"""From images of any common form to uint8 (B, C, H, W), with the range, the layout and the channels said aloud."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from gandiag.modes.value_range import TOLERANCE, decided_range

if TYPE_CHECKING:
    from collections.abc import Callable

WAITING = 50  # batches on a GPU of which nothing was asked yet
CHANNELS = (1, 2, 3, 4)  # grey, grey and alpha, RGB, RGBA
CHANNELS_LAST = (1, 3, 4)


class Preprocessing:
    """Makes uint8 images (B, C, H, W) of batches, decides how once, and holds every later batch to it.

    uint8 is taken as it is. Other integers must lie in 0..255. Floats lie in a range, given or decided from the first
    batch: [-1, 1], [0, 1] or [0, 255]; anything else, such as standardised images, is refused. A value v of a range
    (low, high) becomes floor(255 (v - low) / (high - low) + 0.5), as `torchvision.utils.save_image` rounds. Values
    beyond the range by at most 2.5 % of its width are clipped and counted. Sizes are left as they are.

    On a GPU nothing waits for the device: batches are checked there, and what was found is asked for after 50 batches,
    and by `settle`, which then raises what a batch on the CPU raises at once. Only the first batch of floats is waited
    for, where it decides the range.

    Parameters
    ----------
    value_range
        The floats' values for black and for white, for example (-1, 1).
    channels
        1 or 3: grey images are repeated to 3 channels, RGB images that are grey are reduced to 1. None keeps those of
        the first batch. An alpha channel is dropped where it is opaque, otherwise refused.

    Attributes
    ----------
    waiting
        After how many batches on a GPU their facts are asked for without being told to.

    Raises
    ------
    ValueError
        When the range is not finite and rising or the channels are another number.

    >>> images = Preprocessing()(torch.tensor([-1.0, 0.0, 1.0, 0.5]).reshape(1, 1, 2, 2))
    >>> images.flatten().tolist()
    [0, 128, 255, 191]
    """

    def __init__(self, value_range: tuple[float, float] | None = None, channels: int | None = None) -> None:
        if channels not in (None, 1, 3):
            raise ValueError(f"channels must be 1, 3 or None, found {channels}")
        if value_range is not None and not (all(map(math.isfinite, value_range)) and value_range[0] < value_range[1]):
            raise ValueError(f"value_range must be two finite rising values, found {value_range}")
        self.value_range = value_range
        self.channels = channels
        self._decided = "given" if value_range is not None else "uint8 taken as 0 to 255"
        self._found: dict[str, Any] = {"dtype": None, "layout": None, "channels": None}
        self._counts = {"images": 0, "clipped_values": 0, "opaque_alpha_dropped": 0, "grey_rgb_reduced": 0}
        self._batch = 0
        self.waiting = WAITING
        self._open: list[tuple[torch.Tensor, Callable[..., None]]] = []

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Prepare a batch.

        Parameters
        ----------
        images : (B, C, H, W), (B, H, W, C) or (B, H, W)
            Integers in 0..255 or floats in one range, on any device.

        Raises
        ------
        TypeError
            When the images are no tensor or of a type that has no range.
        ValueError
            When the shape, the number of channels, the range or a value is not as expected.
        """
        self._batch += 1
        planes = self._layout(images)
        pixels = self._scaled(planes) if planes.is_floating_point() else self._whole(planes)
        for key, value in (("dtype", str(images.dtype).removeprefix("torch.")), ("channels", planes.shape[1])):
            self._found[key] = self._found[key] or value
        pixels = self._channels(pixels)
        self._counts["images"] += len(pixels)
        return pixels

    def of_values(self, values: torch.Tensor) -> torch.Tensor:
        """Prepare a batch (B, ...) whatever its shape, which stays; the range alone matters. Raises as a call does."""
        return self(values.reshape(len(values), 1, -1)).reshape(values.shape)

    def settle(self) -> None:
        """Ask for what was found in batches on a GPU, at once for all of them.

        Raises ValueError for the first of them that is not as expected.
        """
        pending, self._open = self._open, []
        if pending:
            values = iter(torch.cat([facts for facts, _ in pending]).tolist())
            for facts, judge in pending:
                judge(*(next(values) for _ in facts))

    def _found_out(self, judge: Callable[..., None], *facts: torch.Tensor) -> None:
        """Call `judge` with the values of facts (0-dim.), now or, where they are on a GPU, together with later ones."""
        together = torch.stack([fact.double() for fact in facts])
        if together.device.type == "cpu":
            judge(*together.tolist())
            return
        self._open.append((together, judge))
        if len(self._open) >= self.waiting:
            self.settle()

    def describe(self) -> dict[str, Any]:
        """What was found in the batches so far and what was done to them, JSON-ready. Raises what `settle` does.

        >>> prepared = Preprocessing(channels=3)
        >>> prepared(torch.zeros(2, 1, 4, 4, dtype=torch.uint8)).shape
        torch.Size([2, 3, 4, 4])
        >>> prepared.describe()["channels"], prepared.describe()["grey_repeated"]
        (3, True)
        """
        self.settle()
        found = self._found
        return {
            "range": None if self.value_range is None else list(self.value_range),
            "range_decided": self._decided,
            "rounding": "floor(v + 0.5)",
            "dtype": found["dtype"],
            "layout": found["layout"],
            "channels_found": found["channels"],
            "channels": self.channels,
            "grey_repeated": self.channels == 3 and found["channels"] in (1, 2),
            **self._counts,
        }

    def _layout(self, images: torch.Tensor) -> torch.Tensor:
        """Check what the batch is; views it as (B, C, H, W)."""
        if not isinstance(images, torch.Tensor):
            raise TypeError(f"images must be a torch tensor, found {type(images).__name__}")
        if images.dtype == torch.bool or images.is_complex():
            kind = str(images.dtype).removeprefix("torch.")
            raise TypeError(f"images must be uint8, other integers in 0..255 or floats, found {kind}")
        shape = tuple(images.shape)
        if images.ndim not in (3, 4) or 0 in shape:
            raise ValueError(f"images must have shape (B, C, H, W), (B, H, W, C) or (B, H, W), found {shape}")
        if images.ndim == 3:
            layout, planes = "no channels", images[:, None]
        elif shape[1] in CHANNELS and shape[3] in CHANNELS_LAST and shape[2] != shape[3]:
            raise ValueError(f"images of shape {shape} may have their channels first or last: pass (B, C, H, W)")
        elif shape[1] in CHANNELS:
            layout, planes = "channels first", images
        elif shape[3] in CHANNELS_LAST:
            layout, planes = "channels last", images.permute(0, 3, 1, 2)
        else:
            raise ValueError(f"images must have 1, 3 or 4 channels, first or last, found shape {shape}")
        if self._found["layout"] not in (None, layout):
            raise ValueError(f"images of shape {shape} have {layout}, earlier batches had {self._found['layout']}")
        self._found["layout"] = layout
        return planes.detach()

    def _scaled(self, planes: torch.Tensor) -> torch.Tensor:
        values = planes.to(torch.float32) if planes.dtype != torch.float64 else planes
        lowest, highest = torch.aminmax(values)
        unreadable = ~values.isfinite().flatten(1).all(dim=1)
        batch, images = self._batch, len(values)

        def readable(number: float, first: float, *_: float) -> None:
            if number:
                of, which = f"{number:.0f} of {images} images", f"the first is image {first:.0f}"
                raise ValueError(f"{of} of batch {batch} hold NaN or infinity, {which} (from 0)")

        facts = [unreadable.sum(), unreadable.int().argmax(), lowest, highest]
        if self.value_range is None:
            number, first, least, most = torch.stack([fact.double() for fact in facts]).tolist()
            readable(number, first)
            self.value_range, self._decided = decided_range(least, most), "from the first batch of floats"
        low, high = self.value_range
        beyond = ((values < low) | (values > high)).sum()

        def judge(number: float, first: float, least: float, most: float, clipped: float) -> None:
            readable(number, first)
            slack = TOLERANCE * (high - low)
            if least < low - slack or most > high + slack:
                found = f"values of images lie in [{least:.4g}, {most:.4g}] in batch {batch}"
                force = f"the range in force is [{low:g}, {high:g}], {self._decided}"
                raise ValueError(f"{found}, but {force}; pass the right one as value_range=(low, high)")
            self._counts["clipped_values"] += int(clipped)

        self._found_out(judge, *facts, beyond)
        return ((values - low) * (255 / (high - low)) + 0.5).clamp_(0, 255).to(torch.uint8)

    def _whole(self, planes: torch.Tensor) -> torch.Tensor:
        """Integers as uint8."""
        if planes.dtype == torch.uint8:
            return planes

        def judge(lowest: float, highest: float) -> None:
            if lowest < 0 or highest > 255:
                found = f"{lowest:.0f} to {highest:.0f} ({planes.dtype})"
                raise ValueError(f"whole-numbered images must lie in 0..255, found {found}")

        self._found_out(judge, *torch.aminmax(planes))
        return planes.to(torch.uint8)

    def _channels(self, pixels: torch.Tensor) -> torch.Tensor:
        if pixels.shape[1] in (2, 4):
            expected = f"expected {self.channels or '1 or 3'}"
            refusal = f"images have {pixels.shape[1]} channels with transparent pixels, {expected}"
            self._found_out(_refusing(refusal), (pixels[:, -1] != 255).any())
            pixels = pixels[:, :-1]
            self._counts["opaque_alpha_dropped"] += len(pixels)
        found = pixels.shape[1]
        if self.channels is None:
            self.channels = found
        if found == 1 and self.channels == 3:
            pixels = pixels.expand(-1, 3, -1, -1)
        elif found == 3 and self.channels == 1:
            refusal = "images have 3 channels that differ, expected 1 channel (grey)"
            self._found_out(_refusing(refusal), (pixels != pixels[:, :1]).any())
            pixels = pixels[:, :1]
            self._counts["grey_rgb_reduced"] += len(pixels)
        return pixels.contiguous()


def _refusing(refusal: str) -> Callable[[float], None]:
    """Raises a ValueError with that sentence where there is something to refuse."""

    def judge(found: float) -> None:
        if found:
            raise ValueError(refusal)

    return judge

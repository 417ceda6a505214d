"""From images of any common form to uint8 (B, C, H, W), with the range, the layout and the channels said aloud."""

from __future__ import annotations

import math
from typing import Any

import torch

from gandiag.modes.value_range import TOLERANCE, decided_range

CHANNELS = (1, 2, 3, 4)  # grey, grey and alpha, RGB, RGBA
CHANNELS_LAST = (1, 3, 4)


class Preprocessing:
    """Makes uint8 images (B, C, H, W) of batches, decides how once, and holds every later batch to it.

    uint8 is taken as it is. Other integers must lie in 0..255. Floats lie in a range, given or decided from the first
    batch: [-1, 1], [0, 1] or [0, 255]; anything else, such as standardised images, is refused. A value v of a range
    (low, high) becomes floor(255 (v - low) / (high - low) + 0.5), as `torchvision.utils.save_image` rounds. Values
    beyond the range by at most 2.5 % of its width are clipped and counted. Sizes are left as they are.

    Parameters
    ----------
    value_range
        The floats' values for black and for white, for example (-1, 1).
    channels
        1 or 3: grey images are repeated to 3 channels, RGB images that are grey are reduced to 1. None keeps those of
        the first batch. An alpha channel is dropped where it is opaque, otherwise refused.

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
        pixels = self._scaled(planes) if planes.is_floating_point() else _whole(planes)
        for key, value in (("dtype", str(images.dtype).removeprefix("torch.")), ("channels", planes.shape[1])):
            self._found[key] = self._found[key] or value
        pixels = self._channels(pixels)
        self._counts["images"] += len(pixels)
        return pixels

    def of_values(self, values: torch.Tensor) -> torch.Tensor:
        """Prepare a batch (B, ...) whatever its shape, which stays; the range alone matters. Raises as a call does."""
        return self(values.reshape(len(values), 1, -1)).reshape(values.shape)

    def describe(self) -> dict[str, Any]:
        """What was found in the batches so far and what was done to them, JSON-ready.

        >>> prepared = Preprocessing(channels=3)
        >>> prepared(torch.zeros(2, 1, 4, 4, dtype=torch.uint8)).shape
        torch.Size([2, 3, 4, 4])
        >>> prepared.describe()["channels"], prepared.describe()["grey_repeated"]
        (3, True)
        """
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
        finite = values.isfinite().flatten(1).all(dim=1)
        if not finite.all():
            bad = (~finite).nonzero().flatten()
            of, first = f"{len(bad)} of {len(finite)} images", f"the first is image {int(bad[0])}"
            raise ValueError(f"{of} of batch {self._batch} hold NaN or infinity, {first} (from 0)")
        lowest, highest = (float(v) for v in torch.aminmax(values))
        if self.value_range is None:
            self.value_range, self._decided = decided_range(lowest, highest), "from the first batch of floats"
        low, high = self.value_range
        slack = TOLERANCE * (high - low)
        if lowest < low - slack or highest > high + slack:
            found = f"values of images lie in [{lowest:.4g}, {highest:.4g}] in batch {self._batch}"
            force = f"the range in force is [{low:g}, {high:g}], {self._decided}"
            raise ValueError(f"{found}, but {force}; pass the right one as value_range=(low, high)")
        if lowest < low or highest > high:
            self._counts["clipped_values"] += int(((values < low) | (values > high)).sum())
        return ((values - low) * (255 / (high - low)) + 0.5).clamp_(0, 255).to(torch.uint8)

    def _channels(self, pixels: torch.Tensor) -> torch.Tensor:
        if pixels.shape[1] in (2, 4):
            if not bool((pixels[:, -1] == 255).all()):
                expected = f"expected {self.channels or '1 or 3'}"
                raise ValueError(f"images have {pixels.shape[1]} channels with transparent pixels, {expected}")
            pixels = pixels[:, :-1]
            self._counts["opaque_alpha_dropped"] += len(pixels)
        found = pixels.shape[1]
        if self.channels is None:
            self.channels = found
        if found == 1 and self.channels == 3:
            pixels = pixels.expand(-1, 3, -1, -1)
        elif found == 3 and self.channels == 1:
            if not bool((pixels == pixels[:, :1]).all()):
                raise ValueError("images have 3 channels that differ, expected 1 channel (grey)")
            pixels = pixels[:, :1]
            self._counts["grey_rgb_reduced"] += len(pixels)
        return pixels.contiguous()


def _whole(planes: torch.Tensor) -> torch.Tensor:
    """Integers as uint8."""
    if planes.dtype == torch.uint8:
        return planes
    lowest, highest = int(planes.min()), int(planes.max())
    if lowest < 0 or highest > 255:
        raise ValueError(f"whole-numbered images must lie in 0..255, found {lowest} to {highest} ({planes.dtype})")
    return planes.to(torch.uint8)

"""Matrix products of features in full precision, whatever the process's settings for TF32 are, which stay as they are.

float64 runs at 1/32 to 1/64 of float32's speed on most GPUs. So features are centred, which leaves float32 the digits
that matter, and what is made of a product is summed in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ROWS = 256  # centred at a time: small enough for the cache
WIDTH = 8  # columns are filled up to a multiple of it, as matrix units want them


def product(x: Tensor, y: Tensor) -> Tensor:
    """x (N, D) times y (M, D) transposed, (N, M), in all bits of their dtype, float32 or float64, without a graph.

    On a CPU it is NumPy's, whose OpenBLAS uses all of an AMD processor's vector units, unlike the MKL that torch comes
    with: 1.9 times as fast there. With itself a set costs half. On a GPU where float32 may be rounded to TF32 it is a
    convolution, the one product that can be told not to without changing what others do.
    """
    if x.device.type == "cpu":
        return torch.from_numpy(np.matmul(x.detach().numpy(), y.detach().numpy().T))
    with torch.autocast(x.device.type, enabled=False):
        if x.dtype == torch.float64 or not _is_rounded():
            return x @ y.T
        return unrounded_conv2d(x.T[None, :, :, None], y[:, :, None, None])[0, :, :, 0].T


def room(*shape: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor whose values are still to be written, float32 or float64.

    On a CPU it is NumPy's, which asks for large pages: the first touch of many small ones costs more than a product's
    reading them.
    """
    if device.type == "cpu":
        return torch.from_numpy(np.empty(shape, np.float64 if dtype == torch.float64 else np.float32))
    return torch.empty(shape, dtype=dtype, device=device)


def rows_at(rows: Tensor, index: Tensor) -> Tensor:
    """Rows (N, D) float32 or float64 at an index (I,), without a graph: (I, D)."""
    found = room(len(index), rows.shape[1], dtype=rows.dtype, device=rows.device)
    return torch.index_select(rows.detach(), 0, index, out=found)


def unrounded_conv2d(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
) -> Tensor:
    """Convolution (B, C', H', W') of images (B, C, H, W) in full float32, on a GPU whatever is set there for TF32."""
    if images.device.type != "cuda" or torch.version.hip or not torch.backends.cudnn.is_available():
        return torch.nn.functional.conv2d(images, weight, bias, list(stride), list(padding))
    found: Tensor = torch.ops.aten.cudnn_convolution(
        images, weight, list(padding), list(stride), [1, 1], 1, False, False, False
    )  # the last: allow_tf32
    return found if bias is None else found.add_(bias[:, None, None])


def _is_rounded() -> bool:
    """Whether torch is allowed to multiply float32 with fewer bits."""
    try:
        return torch.get_float32_matmul_precision() != "highest"
    except RuntimeError:  # it was set per backend, which the one question cannot express
        return True


def centred(rows: Tensor, centre: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`scale` times what rows (N, D) are beyond a centre (D,), and its squared norms (N,) float64.

    The result (N, D') has zeros behind its D columns, up to a multiple of 8. Differences are taken in the wider
    precision of centre and `dtype`; a scale (0-dim.) of 1 is not multiplied with where that can be told for nothing.
    """
    n, width = rows.shape
    found = room(n, -(-width // WIDTH) * WIDTH, dtype=dtype, device=rows.device)
    found[:, width:] = 0
    norms = torch.empty(n, dtype=torch.float64, device=rows.device)
    scaled = rows.device.type != "cpu" or bool(scale != 1)
    wide = torch.promote_types(torch.promote_types(centre.dtype, dtype), rows.dtype)
    origin = centre.to(wide) * scale if scaled else centre.to(wide)
    for start in range(0, n, ROWS):
        part = slice(start, start + ROWS)
        chunk = rows[part].to(wide)
        torch.sub(chunk * scale if scaled else chunk, origin, out=found[part, :width])
        norms[part] = torch.linalg.vector_norm(found[part], dim=1, dtype=torch.float64)
    return found, norms.square_()


def power_of_two(values: Tensor) -> Tensor:
    """A power of two (0-dim.) float64 by which numbers up to |values| (0-dim.) get below 1; 1 for zero.

    Made of its bits, so that it is exact on every device. Its square is a float64, too.
    """
    exponent = torch.frexp(values.double()).exponent.clamp(-126, 510)
    exponent = torch.where(values == 0, 0, exponent)
    return ((1023 - exponent.long()) << 52).view(torch.float64)

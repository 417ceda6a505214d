"""What D's last operation is, as far as autograd tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

SIGMOID, OTHER = "sigmoid", "other"
_SHAPES = re.compile(
    "(View|UnsafeView|ReshapeAlias|Squeeze|Unsqueeze|Select|Slice|Transpose|T|Permute|Clone|ToCopy|Alias)Backward"
)
_OTHER = re.compile(
    "(Addmm|Mm|Bmm|Baddbmm|Addmv|Mv|Dot|Linear|Convolution|Add|Sub|Mul|Div|Sum|Mean|"
    "Relu|LeakyRelu|Elu|Gelu|Silu|Tanh|Softplus|NativeBatchNorm|CudnnBatchNorm)Backward"
)
MOST = 8  # operations that only change a shape


def end_of(outputs: Iterable[torch.Tensor]) -> str:
    """How all of some outputs were made: by a sigmoid, by something else, or "" where that is not known."""
    ends = {_end(output) for output in outputs}
    return ends.pop() if len(ends) == 1 else ""


def _end(output: torch.Tensor) -> str:
    node = output.grad_fn
    for _ in range(MOST):
        if node is None:
            return ""
        name = node.name()
        if name.startswith("SigmoidBackward"):
            return SIGMOID
        if _OTHER.match(name):
            return OTHER
        if not _SHAPES.match(name) or not node.next_functions:
            return ""
        node = node.next_functions[0][0]
    return ""

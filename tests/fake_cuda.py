"""Tensors with real values that claim to be on cuda:0, for tests of what a GPU would do, without one.

Within `fake_cuda` whatever is made on or moved to CUDA becomes a `OnCuda`: its numbers are computed on the CPU, tensors
of both devices in one operation are the error that they are there, and what would make the host wait for the GPU is
counted: reading a value, operations whose result has a size that only the device knows, copies that block, and solvers
that report whether they succeeded. What it cannot show is the order in which streams run, and speed.
"""

from __future__ import annotations

import threading
import traceback
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

CUDA = torch.device("cuda:0")
ROOT = str(Path(__file__).parents[1])
aten = torch.ops.aten

WAITS = {
    "_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "_unique", "_unique2", "unique_dim",
    "unique_consecutive", "bincount", "_linalg_eigh", "linalg_eig", "_linalg_eigvals", "linalg_svd", "_linalg_svd",
    "_linalg_check_errors", "linalg_lstsq", "_linalg_solve_ex", "repeat_interleave", "multinomial", "allclose",
}  # fmt: skip
"""Operations of one device that wait for it."""

MIXES = {"copy_", "_to_copy", "set_", "_copy_from", "_copy_from_and_resize"}
"""Operations that may have tensors of both devices."""

INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
"""Operations that take indices of the CPU, which are copied, and masks, which are counted first."""


@dataclass
class Waits:
    """What the host waited for: the operation and the lines of gandiag that asked, one entry a time.

    `training` has those of the main thread, `places` all. `rounded` has the products of float32 that the settings in
    force would let a GPU round to TF32.
    """

    places: list[str] = field(default_factory=list)
    training: list[str] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        stack = traceback.extract_stack()
        ours = [
            f"{Path(frame.filename).name}:{frame.lineno}"
            for frame in stack
            if frame.filename.startswith(ROOT) and "/tests/" not in frame.filename
        ]
        self.places.append(f"{what} at {' < '.join(ours[:-5:-1]) or 'the test'}")
        if threading.current_thread() is threading.main_thread():
            self.training.append(self.places[-1])

    def clear(self) -> None:
        """Forget those so far."""
        self.places.clear()
        self.training.clear()
        self.rounded.clear()

    def __len__(self) -> int:
        return len(self.places)

    def __str__(self) -> str:
        counts = {place: self.places.count(place) for place in self.places}
        return "\n".join(f"{count:5} {place}" for place, count in sorted(counts.items(), key=lambda at: -at[1]))


waits = Waits()


class OnCuda(torch.Tensor):
    """A tensor that says it is on cuda:0."""

    real_values: torch.Tensor

    @staticmethod
    def of(real: torch.Tensor) -> OnCuda:
        """The same values, there."""
        found = torch.Tensor._make_subclass(OnCuda, real)
        found.real_values = real.detach()  # the same storage
        return found

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return CUDA

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]
        return False

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in HANDLED:
            return HANDLED[func](*args, **kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **_here(kwargs))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        _check(name, args, kwargs)
        if name == "cudnn_convolution":
            images, weight, padding, stride, dilation, groups, *_ = args
            func, args = (
                aten.convolution.default,
                (images, weight, None, stride, padding, dilation, False, [0, 0], groups),
            )
        with torch._C._DisableTorchDispatch():
            found = func(*tree_map(_real, args), **tree_map(_real, kwargs))
        if name.endswith("_") and not name.startswith("_") and args and isinstance(args[0], OnCuda):
            return args[0]
        out = kwargs.get("out")
        return tree_map(_claimed, found) if out is None else out


def _real(value: Any) -> Any:
    return value.real_values if isinstance(value, OnCuda) else value


def _claimed(value: Any) -> Any:
    return OnCuda.of(value) if isinstance(value, torch.Tensor) and not isinstance(value, OnCuda) else value


def _check(name: str, args: Any, kwargs: Any) -> None:
    """Count what waits, and refuse tensors of both devices."""
    tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    others = [each for each in tensors if not isinstance(each, OnCuda) and each.ndim]
    if name in INDEXED:
        others = [] if isinstance(args[0], OnCuda) else others
        indices = [each for each in args[1] if each is not None]
        masks = [each for each in indices if each.dtype in (torch.bool, torch.uint8)]
        scalar = name not in {"index", "_unsafe_index"} and not args[2].ndim
        if any(not isinstance(each, OnCuda) and each.ndim for each in indices) or (masks and not scalar):
            waits.add(name)
    if others and name not in MIXES:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {name} found cuda:0 and cpu")
    across = name == "copy_" and len({isinstance(each, OnCuda) for each in args[:2]}) == 2
    beside = kwargs.get("non_blocking") or (len(args) > 2 and args[2])
    if across and not beside and args[1].ndim:
        waits.add("copy_")
    if name in WAITS:
        waits.add(name)
    if any(each.dtype == torch.float32 for each in tensors):
        _round(name, args)


def _round(name: str, args: Any) -> None:
    """Note a product that would be rounded."""
    if name in ("mm", "addmm", "bmm", "baddbmm", "linear", "matmul", "_scaled_dot_product_attention_math"):
        rounded = torch.backends.cuda.matmul.allow_tf32
    elif name in ("convolution", "_convolution", "conv2d"):
        rounded = torch.backends.cudnn.allow_tf32
    else:
        rounded = name == "cudnn_convolution" and args[8]
    if rounded:
        waits.rounded.append(name)


def _here(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments with the device that is really there."""
    if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cuda":
        return {**kwargs, "device": "cpu"}
    return kwargs


def _to(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    """`Tensor.to` within and across the devices."""
    given = dict(kwargs)
    flags = [value for value in args if isinstance(value, bool)]
    given |= dict(zip(("non_blocking", "copy"), flags, strict=False))
    for value in args:
        if isinstance(value, torch.Tensor):
            given |= {"device": value.device, "dtype": value.dtype}
        elif isinstance(value, (torch.device, str)):
            given["device"] = torch.device(value)
        elif isinstance(value, torch.dtype):
            given["dtype"] = value
    device, there = given.pop("device", None), isinstance(tensor, OnCuda)
    wanted = there if device is None else torch.device(device).type == "cuda"
    dtype = given.pop("dtype", None) or tensor.dtype
    with torch._C.DisableTorchFunctionSubclass():
        if wanted == there:
            return torch.Tensor.to(tensor, dtype, **given)
        if not given.get("non_blocking"):
            waits.add("to cuda" if wanted else "to cpu")
        return _Moved.apply(tensor, wanted, dtype)


class _Moved(torch.autograd.Function):
    """A copy on the other device, through which gradients flow back."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, wanted: bool, dtype: torch.dtype) -> torch.Tensor:
        ctx.there, ctx.dtype = isinstance(tensor, OnCuda), tensor.dtype
        copied = _real(tensor.detach()).to(dtype, copy=True)
        return OnCuda.of(copied) if wanted else copied

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:  # type: ignore[override]
        copied = _real(gradient).to(ctx.dtype)
        return OnCuda.of(copied) if ctx.there else copied, None, None


def _refused(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    if isinstance(tensor, OnCuda):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
    with torch._C.DisableTorchFunctionSubclass():
        return torch.Tensor.numpy(tensor, *args, **kwargs)


def _listed(tensor: torch.Tensor) -> Any:
    if isinstance(tensor, OnCuda):
        waits.add("tolist")
        tensor = _real(tensor.detach())
    with torch._C.DisableTorchFunctionSubclass():
        return tensor.tolist()


def _new_tensor(tensor: torch.Tensor, data: Any, **kwargs: Any) -> torch.Tensor:
    with torch._C.DisableTorchFunctionSubclass():
        found = torch.Tensor.new_tensor(_real(tensor.detach()), data, **_here(kwargs))
    if isinstance(tensor, OnCuda) and kwargs.get("device") != "cpu":
        waits.add("new_tensor")
        return OnCuda.of(found)
    return found


def _quantile(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    """Inside, torch makes tensors where a tensor really is."""
    with torch._C.DisableTorchFunctionSubclass():
        return (
            _claimed(torch.quantile(_real(tensor.detach()), *args, **kwargs))
            if isinstance(tensor, OnCuda)
            else (torch.quantile(tensor, *args, **kwargs))
        )


def _copied(tensor: torch.Tensor, memo: dict[int, Any]) -> torch.Tensor:
    """`copy.deepcopy`, on the same device."""
    if id(tensor) in memo:
        return memo[id(tensor)]
    with torch.no_grad():
        found = OnCuda.of(_real(tensor.detach()).clone())
    found = torch.nn.Parameter(found) if isinstance(tensor, torch.nn.Parameter) else found
    memo[id(tensor)] = found.requires_grad_(tensor.requires_grad)
    return found


HANDLED: dict[Any, Callable[..., Any]] = {
    torch.Tensor.to: _to,
    torch.Tensor.cpu: lambda tensor, *_, **__: _to(tensor, "cpu"),
    torch.Tensor.cuda: lambda tensor, *_, non_blocking=False, **__: _to(tensor, CUDA, non_blocking=non_blocking),
    torch.Tensor.numpy: _refused,
    torch.Tensor.__array__: lambda tensor, *_, **__: _refused(tensor),
    torch.Tensor.tolist: _listed,
    torch.Tensor.new_tensor: _new_tensor,
    torch.Tensor.pin_memory: lambda tensor, *_: tensor,
    torch.Tensor.__deepcopy__: _copied,
    torch.Tensor.quantile: _quantile,
}


class _Factories(TorchFunctionMode):
    """Makes on cuda:0 what is asked to be there, in the thread that enters it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in HANDLED and args:
            if func is torch.Tensor.__deepcopy__ and not isinstance(args[0], OnCuda):
                return func(*args, **kwargs)
            return HANDLED[func](*args, **kwargs)
        device = kwargs.get("device")
        if device is None or torch.device(device).type != "cuda":
            pinned = {k: v for k, v in kwargs.items() if k != "pin_memory"}
            return func(*args, **pinned)
        if func in (torch.tensor, torch.as_tensor, torch.asarray):
            waits.add(func.__name__)
        with torch._C.DisableTorchFunction():
            return _claimed(func(*args, **_here(kwargs)))


class _Stream:
    """What gandiag asks of a stream."""

    device = CUDA

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def wait_stream(self, other: Any) -> None:
        pass

    def synchronize(self) -> None:
        waits.add("stream")


class _Device(nullcontext[None]):
    """The context of a device, of which there is one."""


class _Event:
    """What gandiag asks of an event: it has always happened."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def record(self, *_: Any) -> None:
        pass

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        waits.add("event")


@contextmanager
def fake_cuda(patch: pytest.MonkeyPatch) -> Iterator[Waits]:
    """Within it cuda:0 seems to be there; gives the list of what waited for it so far."""
    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    replaced = {
        "Stream": _Stream, "Event": _Event, "current_stream": _Stream, "stream": lambda _: _Factories(),
        "device": _Device, "manual_seed": lambda _: None,
        "get_rng_state": lambda *_: torch.zeros(1, dtype=torch.uint8), "set_rng_state": lambda *_: None,
        "is_available": lambda: True,
        "is_current_stream_capturing": lambda: False, "device_count": lambda: 1,
        "synchronize": lambda *_: waits.add("synchronize"),
    }  # fmt: skip
    for name, value in replaced.items():
        patch.setattr(torch.cuda, name, value)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    waits.clear()
    try:
        with _Factories():
            yield waits
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
        patch.undo()

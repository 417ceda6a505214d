"""Generators out of checkpoints: which weights, which inputs, and which step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from gandiag.nets.files import kind_of, read_program, read_weights
from gandiag.nets.states import found_state
from gandiag.quality.sources.generators import NESTED, GeneratorSource, built, class_labels, normal_latents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DISCRIMINATOR = re.compile(r"(^|[/_.\-=])(do|netD|net_D|D|dis|disc|discriminator|critic)([_.\-\d]|$)")
SHAPE = re.compile(r"(normal|uniform):(\d+(?:,\d+)*)")
MOST_LATENT = 10_000_000  # numbers in one latent


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How a checkpoint becomes samples; see `gandiag.check`."""

    factory: str | Callable[[], Any] | None = None
    key: str | None = None
    latent: str | None = None
    labels: str | None = None
    n: int = 10_000
    seed: int = 0
    trust: bool = False
    device: torch.device


def generator_source(path: Path, drawing: Drawing) -> tuple[GeneratorSource, list[str]]:
    """Samples of the generator in a checkpoint, and what a reader should know of how it was found.

    Raises ValueError when there is none, or its inputs are unknown.
    """
    kind = kind_of(path)
    if kind == "program":
        return _program(path, drawing)
    if kind == "other":
        raise ValueError(
            f"{path}: is neither a checkpoint (of torch.save, torch.export or safetensors) "
            "nor samples (a folder of images, .npz, .npy or IDX)"
        )
    if drawing.factory is None:
        raise ValueError(
            f"{path}: holds weights alone; --generator package.module:function names what builds the generator"
        )
    generator, draw = built(drawing.factory)
    content = read_weights(path, trust=drawing.trust)
    if isinstance(content, torch.nn.Module):  # trusted, saved whole
        content = content.state_dict()
    content = _with_states(content) if drawing.trust else content
    try:
        found = found_state(generator, content, str(path), NESTED, drawing.key)
    except ValueError as error:
        if DISCRIMINATOR.search(path.stem):
            raise ValueError(f"{error}; its name says that it is the discriminator") from error
        raise
    try:
        generator.load_state_dict(found.state)
    except RuntimeError as error:
        raise ValueError(f"{path}: cannot be loaded into {type(generator).__name__}: {error}") from error
    generator = generator.to(drawing.device).eval().requires_grad_(requires_grad=False)
    drawn = latents(drawing.latent) if drawing.latent else draw or normal_latents(generator)
    labels = class_labels(drawing.labels, drawing.n, drawing.seed) if drawing.labels else None
    source = GeneratorSource(generator, drawn, drawing.n, drawing.device, drawing.seed, labels)
    source.name = str(path)
    return source, [f"weights: {found.where or 'the whole file'}"]


def _with_states(content: Any) -> Any:
    """Modules within a trusted checkpoint as their state dicts."""
    if isinstance(content, dict):
        return {key: _with_states(value) for key, value in content.items()}
    return content.state_dict() if isinstance(content, torch.nn.Module) else content


def _program(path: Path, drawing: Drawing) -> tuple[GeneratorSource, list[str]]:
    program = read_program(path, trust=drawing.trust)
    module = program.module().to(drawing.device)
    example = program.example_inputs
    inputs = [t for t in (example[0] if example else ()) if isinstance(t, torch.Tensor)]
    if drawing.latent:
        draw: Callable[[int], Any] = latents(drawing.latent)
    elif inputs and inputs[0].is_floating_point():
        shape = tuple(inputs[0].shape[1:])
        draw = partial(_normal, shape)
    else:
        raise ValueError(f"{path}: says nothing of its latents; pass --latent normal:128")
    if len(inputs) == 2 and not drawing.labels:
        raise ValueError(f"{path}: takes a second input beside latents; --labels uniform:CLASSES asks for classes")
    labels = class_labels(drawing.labels, drawing.n, drawing.seed) if drawing.labels else None
    source = GeneratorSource(module, draw, drawing.n, drawing.device, drawing.seed, labels)
    source.name = str(path)
    notes = ["exported program"]
    if not drawing.latent:
        notes.append(f"latents: normal:{','.join(map(str, inputs[0].shape[1:]))}, the shape of its example input")
    return source, notes


def latents(spec: str) -> Callable[[int], torch.Tensor]:
    """What draws latents: "normal:128", "normal:100,1,1", "uniform:64" (in [-1, 1]). Raises ValueError for others."""
    found = SHAPE.fullmatch(spec)
    shape = tuple(int(size) for size in found[2].split(",")) if found else ()
    if found is None or 0 in shape or torch.Size(shape).numel() > MOST_LATENT:
        raise ValueError(
            f"--latent: found {spec!r}, expected normal:SIZE or uniform:SIZE, as normal:128 or normal:100,1,1"
        )
    return partial(_normal if found[1] == "normal" else _uniform, shape)


def _normal(shape: tuple[int, ...], n: int) -> torch.Tensor:
    return torch.randn(n, *shape)


def _uniform(shape: tuple[int, ...], n: int) -> torch.Tensor:
    return torch.rand(n, *shape) * 2 - 1

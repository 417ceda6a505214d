"""What is to be evaluated while a GAN trains, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gandiag.quality.metrics import DEFAULT_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What `attach(..., quality=)` evaluates, and how often.

    The generator that is evaluated is a copy in evaluation mode. It is given what G was given last in training,
    n of those inputs, with their labels or conditions, so nothing is assumed of the latents. The copy runs between
    two steps, metrics are computed in a background thread, and on a GPU all of it in a stream beside the training's.
    Features are extracted in the background, too, unless that takes a setting that the training shares: on a GPU,
    where convolutions must not round to TF32, and by modules of your own, which may draw random numbers.

    Parameters
    ----------
    reference
        Real samples: a folder, file, array, tensor or data set, see `gandiag.quality.open_source`, or a file of
        statistics.
    held_out
        Real samples that G is not trained on, for the metric "copying"; the reference is then what it learns from.
    every
        Steps between two evaluations.
    n
        Generated samples per evaluation. Values are comparable only at the same n.
    extractor
        The feature extractor, see `gandiag.quality.extractor`.
    metrics
        Names of metrics.
    weights
        File of the extractor's weights, where it is not to be downloaded.
    average
        An average of G's weights that is kept beside it (EMA), to be evaluated in its place.
    generator
        Which generator, where several are watched.
    inputs
        Draws the generator's inputs for n samples: `lambda n: torch.randn(n, 128)`; a tuple for several
        positional inputs, a dictionary for named ones. It is called with the same random state each time.
    training_mode
        Evaluate the copy in training mode, as for a G whose batch statistics are part of it.
    value_range, reference_range
        The values of G's images, (-1, 1) for instance, and of the reference's; each decided by its first batch when
        None.
    batch_size
        Samples per batch.
    seed
        Of the evaluations' own random choices.
    """

    reference: Any
    held_out: Any = None
    every: int = 1000
    n: int = 10_000  # 50,000 are published; 10,000 are the fewest that the authors of FID recommend
    extractor: Any = "inception-v3-compat"
    metrics: Sequence[str] = DEFAULT_METRICS
    weights: str | PathLike[str] | None = None
    average: nn.Module | None = None
    generator: str | None = None
    inputs: Callable[[int], Any] | None = None
    training_mode: bool = False
    value_range: tuple[float, float] | None = None
    reference_range: tuple[float, float] | None = None
    batch_size: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("every", "n", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"Quality: {name} must be at least 1, found {getattr(self, name)}")
        if self.inputs is not None and not callable(self.inputs):
            raise TypeError(f"Quality: inputs must be a function of n, found {type(self.inputs).__name__}")

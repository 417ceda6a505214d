"""Every remedy that a finding may offer, by name.

The code of a remedy is written in these names: networks `G` and `D` with optimizers `opt_G` and `opt_D`; one step's `z`
(N, latent), `real`, `fake = G(z)`, `d_real = D(real)`, `d_fake = D(fake)`; the losses `loss_G` and `loss_D` before
`backward`; the number `step`; `F`, which is `torch.nn.functional`. `features` (N, width) is what enters D's last layer
`head`, `labels` (N,) are classes, `layer` is a linear layer of either network. `train_step()` is one step of both
players, `loss_of(D)` is D's loss in this step as a function of D.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .balance import BALANCE
from .discriminator import DISCRIMINATOR
from .gradients import GRADIENTS
from .loop import LOOP
from .losses import LOSSES
from .stability import STABILITY
from .updates import UPDATES
from .variety import VARIETY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gandiag.remedy import Remedy

REMEDIES: dict[str, Remedy] = {
    r.name: r for r in (*LOSSES, *BALANCE, *DISCRIMINATOR, *VARIETY, *STABILITY, *GRADIENTS, *LOOP, *UPDATES)
}


def named(names: Iterable[str]) -> tuple[Remedy, ...]:
    """The remedies of these names, in their order.

    Raises ValueError for a name that is none.

    >>> [r.name for r in named(["packing", "roll-back"])]
    ['packing', 'roll-back']
    """
    wanted = tuple(names)
    for name in wanted:
        if name not in REMEDIES:
            raise ValueError(
                f"there is no remedy {name!r} in gandiag.detectors.remedies; known are {', '.join(REMEDIES)}"
            )
    return tuple(REMEDIES[name] for name in wanted)


__all__ = ["REMEDIES", "named"]

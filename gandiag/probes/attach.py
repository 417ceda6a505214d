"""One line that attaches to a PyTorch loop nobody here wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.nets.tensors import unwrapped
from gandiag.probes.networks import Network, watched_networks
from gandiag.probes.on_request import held_out_probe, quality_probe
from gandiag.probes.watcher import Watcher
from gandiag.record.callback import Callback, recording_of
from gandiag.wording import listed

if TYPE_CHECKING:
    from os import PathLike

    from typing_extensions import Unpack

    from gandiag.probes.networks import Networks
    from gandiag.probes.passes import Score
    from gandiag.quality.schedule import Quality
    from gandiag.record.options import Options


def attach(
    generator: Networks,
    discriminator: Networks,
    run_dir: str | PathLike[str],
    *,
    score: Score | None = None,
    quality: Quality | None = None,
    held_out: Any = None,
    **options: Unpack[Options],
) -> Callback:
    """Watch a GAN's training loop, which stays as it is, and record it to `run_dir`.

    Forward hooks see what D is given and answers; hooks on every torch optimizer, matched by parameters, read
    gradients as they are used. No random number of the training is drawn, no weight touched, and no step waits for
    the device. No forward pass is added but those of a copy of G at snapshots, some sixty in 100,000 steps (see
    `fixed_latents` of `gandiag.Callback`). Close with `callback.close()`, by leaving a `with` block, or by ending the
    program.

    Parameters
    ----------
    generator, discriminator : the modules that the loop calls; D may also be a critic. Where there are several,
        a dictionary of names and modules: `discriminator={"patch": D1, "global": D2}`
    run_dir : where to record: a folder, or any fsspec path
    score : what D's judgement is, higher for more real, where it is not the first tensor with one value per sample
        that D returns: a function of D's output and its (first) input batch (B, ...) that returns (B, ...). For an
        energy-based GAN: `lambda output, batch: -(output - batch).square().flatten(1).mean(1)`
    quality : evaluate FID and other quality metrics every so many steps, see `gandiag.Quality`
    held_out : real samples (N, ...) that D is not trained on, as D would be given them, or a tuple of D's arguments:
        a copy of D is shown some of them every 50 steps, which tells whether it learns its training data by heart
    **options : see `gandiag.Callback`

    Raises
    ------
    TypeError
        When generator or discriminator is no module, quality no `gandiag.Quality`, or held_out no tensor.
    ValueError
        When two of the networks are the same module or share a parameter, when one has none, or is watched already;
        when the reference or the feature extractor of quality cannot be used.
    RunError
        When `run_dir` cannot be written, or holds a run and `resume=True` is not given.

    Examples
    --------
    >>> callback = gandiag.attach(G, D, run_dir="runs/dcgan")  # doctest: +SKIP
    """
    checked_score(score)
    networks = watched_networks(generator, discriminator)
    callback = Callback(run_dir, **options)
    try:
        watch(callback, networks, score, quality, held_out)
    except BaseException:
        recording_of(callback).abandon()
        raise
    return callback


def checked_score(score: Any) -> None:
    """Raise a TypeError where the user's score is no function."""
    if score is not None and not callable(score):
        raise TypeError(f"score must be a function of D's output and input, got {type(score).__name__}")


def watch(
    callback: Callback, networks: list[Network], score: Score | None, quality: Quality | None, held_out: Any
) -> None:
    """Have `callback` record what networks do; further arguments and errors are those of `attach`."""
    recording = recording_of(callback)
    probe = quality_probe(quality, networks, recording)
    watcher = Watcher(networks, recording, score, probe, held_out_probe(held_out, recording, score))
    recording.on_close(watcher.detach)
    watched = [f"{n.name} ({type(unwrapped(n.module)).__name__})" for n in networks]
    recording.announce(f"watching {listed(watched)}, recording")

"""Probes that a user asks for; nothing of them is imported before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gandiag.probes.held_out import HeldOutProbe
    from gandiag.probes.networks import Network
    from gandiag.probes.passes import Score
    from gandiag.probes.quality import QualityProbe
    from gandiag.record.recording import Recording


def quality_probe(quality: Any, networks: list[Network], recording: Recording) -> QualityProbe | None:
    """What evaluates the generator, in the process that leads. Raises TypeError for anything but a `Quality`."""
    if quality is None:
        return None
    from gandiag.probes.quality import QualityProbe
    from gandiag.quality.schedule import Quality

    if not isinstance(quality, Quality):
        raise TypeError(f"quality must be a gandiag.Quality, got {type(quality).__name__}")
    return QualityProbe(quality, networks, recording) if recording.leads else None


def held_out_probe(held_out: Any, recording: Recording, score: Score | None) -> HeldOutProbe | None:
    """What shows held-out samples to D."""
    if held_out is None:
        return None
    from gandiag.probes.held_out import HeldOutProbe

    return HeldOutProbe(held_out, recording, score)

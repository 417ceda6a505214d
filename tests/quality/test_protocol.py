"""Values are compared only where they were measured alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gandiag.quality.protocol import Measurement, Protocol, ProtocolError, difference

PROTOCOL = Protocol(
    extractor="mnist", extractor_hash="ab" * 8, resize="none", n=5000, reference_n=10_000, reference_hash="cd"
)


def measured(value: float, **changes: object) -> Measurement:
    return Measurement(name="frechet", value=value, better="lower", protocol=replace(PROTOCOL, **changes))  # type: ignore[arg-type]


def test_values_of_one_protocol_are_compared() -> None:
    """The difference is that of the values."""
    assert difference(measured(3.0), measured(1.0)) == 2.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 50_000}, "n 5,000 against 50,000"),
        ({"extractor_hash": "ef" * 8}, "extractor hash abababababababab against efefefefefefefef"),
        ({"resize": "bicubic 299x299"}, "resize none against bicubic 299x299"),
        ({"reference_hash": "99"}, "reference hash cd against 99"),
        ({"reference_n": None}, "reference n 10,000 against unknown"),
        ({"settings": {"k": 3}}, "settings"),
    ],
)
def test_other_protocols_are_refused_with_what_differs(changes: dict[str, object], said: str) -> None:
    """One sentence that names each difference."""
    with pytest.raises(ProtocolError, match="two values of frechet cannot be compared") as refusal:
        difference(measured(3.0), measured(1.0, **changes))
    assert said in str(refusal.value)


def test_other_metrics_are_refused() -> None:
    """An FID is no kernel distance."""
    with pytest.raises(ProtocolError, match="different metrics"):
        difference(measured(1.0), replace(measured(1.0), name="kernel_distance"))

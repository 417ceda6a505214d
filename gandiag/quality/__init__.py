"""Quality of generated samples: Fréchet distance, Inception Score, KID, precision and recall, and kin, on the device.

`evaluate` measures samples or a saved generator, `Quality` a generator while it trains. Every value is a `Measurement`
with its `Protocol`, so that only values measured alike are compared. The modules hold the metrics themselves, as
functions of features.
"""

from __future__ import annotations

from gandiag.quality.evaluate import Evaluation, evaluate
from gandiag.quality.extractors.base import FeatureExtractor, Features
from gandiag.quality.extractors.registry import extractor
from gandiag.quality.measures.frechet import frechet_distance, frechet_distance_from_features
from gandiag.quality.measures.moments import Moments
from gandiag.quality.measures.statistics import Statistics
from gandiag.quality.metrics import METRICS
from gandiag.quality.protocol import Measurement, Protocol, ProtocolError, difference
from gandiag.quality.schedule import Quality
from gandiag.quality.sources.generators import GeneratorSource, load_generator
from gandiag.quality.sources.open import Source, SourceError, open_source

__all__ = [
    "METRICS",
    "Evaluation",
    "FeatureExtractor",
    "Features",
    "GeneratorSource",
    "Measurement",
    "Moments",
    "Protocol",
    "ProtocolError",
    "Quality",
    "Source",
    "SourceError",
    "Statistics",
    "difference",
    "evaluate",
    "extractor",
    "frechet_distance",
    "frechet_distance_from_features",
    "load_generator",
    "open_source",
]

"""The whole way from images to values, beside torch-fidelity's own, with the same weights and the same images."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from gandiag.quality import evaluate, extractor
from gandiag.quality.measures.classifier_scores import inception_score

if TYPE_CHECKING:
    from pathlib import Path

INCEPTION = "inception-v3-compat"
BATCH = 24
N = 72  # more samples than the 64 features of the layer that is compared


class Images(Dataset[torch.Tensor]):
    """uint8 images (3, 32, 32) whose smooth colours differ between the sets."""

    def __init__(self, seed: int, contrast: float, n: int = N) -> None:
        random = torch.Generator().manual_seed(seed)
        coarse = torch.rand(n, 3, 4, 4, generator=random)
        smooth = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
        noise = torch.rand(n, 3, 32, 32, generator=random)
        self.images = ((smooth * contrast + noise * (1 - contrast)) * 255).to(torch.uint8)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


@pytest.fixture(scope="module")
def moderate(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights, with logits that differ by a few units: probabilities that neither vanish nor agree."""
    state = torch.load(weights, weights_only=True)
    found = extractor(INCEPTION, weights=weights)(Images(1, 0.9, 8).images).logits
    assert found is not None
    state["fc.weight"] *= 2 / found.std(dim=0).mean()
    path = tmp_path_factory.mktemp("moderate") / "inception.pth"
    torch.save(state, path)
    return path


def of_torch_fidelity(weights: Path, **options: Any) -> dict[str, float]:
    """Its values, of Inception on the CPU, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measured: dict[str, float] = calculate_metrics(
            cuda=False,
            batch_size=BATCH,
            feature_extractor=INCEPTION,
            feature_extractor_weights_path=str(weights),
            verbose=False,
            cache=False,
            **options,
        )
    return measured


def extracted(images: Images, name: str, file: Path) -> list[torch.Tensor]:
    """Our features, and logits where there are any, in float64."""
    extract = extractor(name, weights=file)
    parts = [extract(part) for part in images.images.split(BATCH)]
    kinds = [[p.features for p in parts], [p.logits for p in parts if p.logits is not None]]
    return [torch.cat(kind).double() for kind in kinds if kind]


def found(metrics: str, *sets: torch.Tensor, **options: Any) -> dict[str, float]:
    """Our values."""
    evaluation = evaluate(*sets, metrics=metrics, batch_size=BATCH, **options)
    assert evaluation is not None
    details = {f"{m.name} {what}": value for m in evaluation.measurements for what, value in m.details.items()}
    return {m.name: m.value for m in evaluation.measurements} | details


@pytest.mark.slow
def test_distances_equal_those_of_torch_fidelity(moderate: Path) -> None:
    """Of the same features to 1e-9 (shares are float32 there); of the images to what float32 features leave."""
    fake, real = Images(1, 0.9), Images(2, 0.4)
    x, y = (extracted(images, f"{INCEPTION}/64", moderate)[0] for images in (fake, real))
    ours = found("fid,kid,precision,recall", x, y, extractor="identity")
    fid = fid_statistics_to_metric(*map(fid_features_to_statistics, (x, y)), verbose=False)
    kid = kid_features_to_metric(x, y, kid_subset_size=N, verbose=False)
    shares = prc_features_to_metric(x, y, verbose=False)
    assert ours["frechet"] == pytest.approx(fid["frechet_inception_distance"], rel=1e-9)
    assert ours["kernel_distance"] == pytest.approx(kid["kernel_inception_distance_mean"], rel=1e-9)
    assert (ours["precision"], ours["recall"]) == pytest.approx((shares["precision"], shares["recall"]), abs=1e-6)

    layers = {f"feature_layer_{metric}": "64" for metric in ("fid", "kid")}
    wanted = {"fid": True, "kid": True, "kid_subset_size": N}
    theirs = of_torch_fidelity(moderate, input1=fake, input2=real, **wanted, **layers)
    whole = found("fid,kid", fake.images, real.images, extractor=f"{INCEPTION}/64", extractor_weights=moderate)
    assert whole["frechet"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    assert whole["kernel_distance"] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-4)


@pytest.mark.slow
def test_inception_scores_equal_those_of_torch_fidelity(moderate: Path) -> None:
    """Mean and spread over the splits: of the same logits to 1e-9, of the images to what float32 leaves."""
    fake = Images(1, 0.9, BATCH)  # a part of them: each is seen three times
    _, logits = extracted(fake, INCEPTION, moderate)
    ours, same = inception_score(logits), isc_features_to_metric(logits)
    assert ours.value == pytest.approx(same["inception_score_mean"], rel=1e-9)
    assert ours.standard_deviation == pytest.approx(same["inception_score_std"], rel=1e-9)

    theirs = of_torch_fidelity(moderate, input1=fake, isc=True)
    whole = found("is", fake.images, extractor_weights=moderate)
    spread = whole["is standard deviation over splits"]
    assert whole["is"] == pytest.approx(theirs["inception_score_mean"], rel=1e-4)
    assert spread == pytest.approx(theirs["inception_score_std"], rel=1e-2)
    assert spread > 0.01


def test_the_name_fid_is_reserved_for_inceptions_features(weights: Path) -> None:
    """Another layer's distance, or another extractor's, is a Fréchet distance by name."""
    images, others = Images(1, 0.9, 4).images, Images(2, 0.4, 4).images
    pool = evaluate(images, images, extractor=INCEPTION, extractor_weights=weights, metrics="fid")
    layer = evaluate(images, images, extractor=f"{INCEPTION}/64", extractor_weights=weights, metrics="fid")
    assert pool is not None
    assert layer is not None
    assert [m.name for m in pool.measurements] == ["fid"]
    assert [m.name for m in layer.measurements] == ["frechet"]
    apart = evaluate(images, others, extractor_weights=weights, metrics="fid")
    assert apart is not None
    assert abs(pool["fid"].value) < 1e-9 * apart["fid"].value
    assert any("rank 3 of 2,048" in note for note in pool["fid"].notes)

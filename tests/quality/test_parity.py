"""The whole way from images to values, beside torch-fidelity's own, with the same weights and the same images."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics

from gandiag.quality import evaluate, extractor

if TYPE_CHECKING:
    from pathlib import Path

N = 72  # more samples than the 64 features of the layer that is compared


class Images(Dataset[torch.Tensor]):
    """uint8 images (3, 32, 32) whose smooth colours differ between the sets."""

    def __init__(self, seed: int, contrast: float) -> None:
        random = torch.Generator().manual_seed(seed)
        coarse = torch.rand(N, 3, 4, 4, generator=random)
        smooth = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
        noise = torch.rand(N, 3, 32, 32, generator=random)
        self.images = ((smooth * contrast + noise * (1 - contrast)) * 255).to(torch.uint8)

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


@pytest.fixture(scope="module")
def moderate(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights, with logits that differ by a few units: probabilities that neither vanish nor agree."""
    state = torch.load(weights, weights_only=True)
    found = extractor("inception-v3-compat", weights=weights)(Images(1, 0.9).images[:8]).logits
    assert found is not None
    state["fc.weight"] *= 2 / found.std(dim=0).mean()
    path = tmp_path_factory.mktemp("moderate") / "inception.pth"
    torch.save(state, path)
    return path


def of_torch_fidelity(weights: Path, **options: Any) -> dict[str, float]:
    """Its values, of Inception on the CPU, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, float] = calculate_metrics(
            cuda=False,
            batch_size=24,
            feature_extractor="inception-v3-compat",
            feature_extractor_weights_path=str(weights),
            verbose=False,
            cache=False,
            **options,
        )
    return found


@pytest.mark.slow
def test_distances_equal_those_of_torch_fidelity(moderate: Path) -> None:
    """FID, KID, precision and recall of one layer to 1e-6."""
    fake, real = Images(1, 0.9), Images(2, 0.4)
    layers = {f"feature_layer_{metric}": "64" for metric in ("fid", "kid", "prc")}
    wanted = {"fid": True, "kid": True, "prc": True, "kid_subset_size": N}
    theirs = of_torch_fidelity(moderate, input1=fake, input2=real, **wanted, **layers)
    ours = evaluate(
        fake.images, real.images, extractor="inception-v3-compat/64", extractor_weights=moderate, batch_size=24,
        metrics="fid,kid,precision,recall",
    )  # fmt: skip
    assert ours is not None
    assert ours["frechet"].value == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    assert ours["kernel_distance"].value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-6, abs=1e-9)
    assert ours["precision"].value == pytest.approx(theirs["precision"], rel=1e-6)
    assert ours["recall"].value == pytest.approx(theirs["recall"], rel=1e-6)


@pytest.mark.slow
def test_inception_scores_equal_those_of_torch_fidelity(moderate: Path) -> None:
    """Mean and spread over the splits, to 1e-6 and what rounding leaves of the spread."""
    fake = Images(1, 0.9)
    theirs = of_torch_fidelity(moderate, input1=fake, isc=True)
    ours = evaluate(fake.images, extractor_weights=moderate, batch_size=24, metrics="is")
    assert ours is not None
    assert ours["is"].value == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
    spread = ours["is"].details["standard deviation over splits"]
    assert spread == pytest.approx(theirs["inception_score_std"], rel=1e-4)
    assert spread > 0.01


def test_the_name_fid_is_reserved_for_inceptions_features(weights: Path) -> None:
    """Another layer's distance, or another extractor's, is a Fréchet distance by name."""
    images, others = Images(1, 0.9).images[:4], Images(2, 0.4).images[:4]
    pool = evaluate(images, images, extractor="inception-v3-compat", extractor_weights=weights, metrics="fid")
    layer = evaluate(images, images, extractor="inception-v3-compat/64", extractor_weights=weights, metrics="fid")
    assert pool is not None
    assert layer is not None
    assert [m.name for m in pool.measurements] == ["fid"]
    assert [m.name for m in layer.measurements] == ["frechet"]
    apart = evaluate(images, others, extractor_weights=weights, metrics="fid")
    assert apart is not None
    assert abs(pool["fid"].value) < 1e-9 * apart["fid"].value
    assert "rank 3 of 2,048" in pool["fid"].notes[-1]

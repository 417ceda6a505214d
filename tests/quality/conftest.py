"""Random Inception weights, and a cache of reference features that stays with each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as published

if TYPE_CHECKING:
    from pathlib import Path

INCEPTION = "inception-v3-compat"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Reference features of a test stay with it."""
    monkeypatch.setenv("GANDIAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of Inception-v3, with normalisation statistics that are not trivial."""
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng([]):
        torch.manual_seed(0)
        patch.setattr(published, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(published.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = published.FeatureExtractorInceptionV3(INCEPTION, ["2048", "logits_unbiased"])
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.05, 0.1)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path

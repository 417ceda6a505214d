"""What samples go through before D sees them."""

from __future__ import annotations

import pytest
import torch

from gandiag.zoo.inputs import InstanceNoise, Pack


def test_a_pack_joins_neighbouring_samples_along_features() -> None:
    samples = torch.arange(12.0).reshape(6, 2)
    packed = Pack(3)(samples, 0.0)
    assert torch.equal(packed, torch.stack([samples[:3].flatten(), samples[3:].flatten()]))
    assert Pack(3).shape((2,)) == (6,)


def test_a_pack_of_images_joins_them_along_channels() -> None:
    images = torch.randn(8, 3, 5, 5)
    packed = Pack(4)(images, 0.0)
    assert packed.shape == (2, *Pack(4).shape((3, 5, 5))) == (2, 12, 5, 5)
    assert torch.equal(packed[1, 3:6], images[5])


def test_a_batch_that_is_no_multiple_of_the_pack_is_refused() -> None:
    with pytest.raises(ValueError, match="packs of 3 need a batch size that is a multiple of it, found 8"):
        Pack(3)(torch.zeros(8, 2), 0.0)


def test_d_of_a_packed_recipe_gives_one_answer_a_pack(points) -> None:
    game = points.game(inputs=(Pack(2),), batch=6)
    real, labels = game.data.batch(6)
    assert game.judge(real, labels).shape == (3, 1)
    assert sum(w.numel() for w in game.discriminator.parameters()) == 2


@pytest.mark.parametrize(
    ("noise", "progress", "sd"),
    [
        (InstanceNoise(0.5), 0.0, 0.5),
        (InstanceNoise(0.5), 0.5, 0.25),
        (InstanceNoise(0.5), 1.0, 0.0),
        (InstanceNoise(0.5, until=0.2), 0.1, 0.25),
        (InstanceNoise(0.5, until=0.2), 0.9, 0.0),
        (InstanceNoise(0.5, until=None), 1.0, 0.5),
    ],
)
def test_instance_noise_fades_linearly(noise: InstanceNoise, progress: float, sd: float) -> None:
    torch.manual_seed(0)
    samples = torch.full((50_000, 1), 3.0)
    noisy = noise(samples, progress)
    assert noisy.mean().item() == pytest.approx(3, abs=0.01)
    assert noisy.std().item() == pytest.approx(sd, rel=0.02)
    assert noise.shape((3, 8, 8)) == (3, 8, 8)


def test_real_and_generated_samples_both_get_noise(points) -> None:
    """D's inputs differ from sample to sample although all samples of either kind are the same point."""
    game = points.game(inputs=(InstanceNoise(0.5),), batch=64)
    real, labels = game.data.batch(64)
    for samples in (real, game.fake(labels)):
        assert samples.std().item() == 0
        assert game.judge(samples, labels).std().item() == pytest.approx(0.5, rel=0.4)

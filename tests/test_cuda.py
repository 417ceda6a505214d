"""On a GPU: the same numbers, and no step waits for the device."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import gandiag
from gandiag.rundir.run import Run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_no_step_waits_for_the_gpu_and_values_are_right(tmp_path):
    """Under torch's synchronisation check nothing of gandiag's synchronises; D's outputs match those by hand."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 200)).cuda()
    discriminator = nn.Sequential(nn.Linear(200, 64), nn.ReLU(), nn.Linear(64, 1)).cuda()
    adam_g, adam_d = (torch.optim.Adam(m.parameters(), foreach=True) for m in (generator, discriminator))
    by_hand = []
    with gandiag.attach(generator, discriminator, run_dir=tmp_path / "run") as callback:
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(350):
                fake = generator(torch.randn(32, 4, device="cuda"))
                on_real = discriminator(torch.randn(32, 200, device="cuda"))
                loss = (
                    nn.functional.softplus(-on_real).mean()
                    + nn.functional.softplus(discriminator(fake.detach())).mean()
                )
                adam_d.zero_grad()
                loss.backward()
                adam_d.step()
                by_hand.append(on_real.detach().mean())
                loss_g = nn.functional.softplus(-discriminator(fake)).mean()
                adam_g.zero_grad()
                loss_g.backward()
                adam_g.step()
                callback.log(loss_generator=loss_g)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    run = Run.open(tmp_path / "run")
    assert not run.meta["faults"]
    assert run.meta["loss_family"]["name"] == "non-saturating"
    expected = torch.stack(by_hand).cpu().numpy()
    assert abs(run.series("d/real/mean").to_numpy() - expected).max() < 1e-5
    assert run.series("loss/generator").size == 350

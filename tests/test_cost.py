"""What recording may cost: no waiting for the device, and no more time than it was given."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import gandiag
from gandiag.rundir.run import Run

WAITING = ("aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero", "aten::nonzero", "aten::masked_select")


class Waiting(TorchDispatchMode):
    """Counts operations that make the host wait for a device: reading a value, copying to the host."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().partition(".")[0]
        to_host = name == "aten::_to_copy" and (kwargs or {}).get("device") == torch.device("cpu")
        if name in WAITING or to_host:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def test_the_counter_sees_what_waits():
    """Otherwise the test below could not fail."""
    with Waiting() as waiting:
        torch.ones(3).sum().item()
        bool(torch.ones(1) > 0)
    assert waiting.found == ["aten::_local_scalar_dense", "aten::_local_scalar_dense"]


def test_no_step_reads_a_value_from_the_device(tiny, tmp_path):
    """With every default signal, a logged tensor, modes and snapshots: nothing waits between two flushes."""
    gan = tiny(batch=64)
    options = {"run_dir": tmp_path / "run", "modes": "ring8_pacgan", "max_overhead": None, "flush_seconds": 1000}
    with gandiag.attach(gan.generator, gan.discriminator, **options) as callback, Waiting() as waiting:
        for _ in range(90):  # below the 100 rows of one hand-over
            fake = gan.generator(torch.randn(64, 4))
            on_real, on_fake = gan.discriminator(torch.randn(64, 2)), gan.discriminator(fake.detach())
            gan.adam_d.zero_grad()
            (on_fake - on_real).mean().backward()
            gan.adam_d.step()
            gan.adam_g.zero_grad()
            loss = -gan.discriminator(fake).mean()
            loss.backward()
            gan.adam_g.step()
            callback.log(loss_generator=loss)
        steps_alone = len(waiting.found)
    assert [name for name in waiting.found[:steps_alone] if name != "aten::_local_scalar_dense"] == []
    assert steps_alone == 90 * adam_reads(gan)
    assert not Run.open(tmp_path / "run").meta["faults"]


def adam_reads(gan) -> int:
    """Values that the two optimizers themselves read per step (their step counters, on the CPU)."""
    with Waiting() as waiting:
        for module, adam in ((gan.generator, gan.adam_g), (gan.discriminator, gan.adam_d)):
            for parameter in module.parameters():
                parameter.grad = torch.zeros_like(parameter)
            adam.step()
    return len(waiting.found)


@pytest.mark.parametrize("share", [0, -0.1, 1.5])
def test_a_share_that_makes_no_sense_is_refused(tmp_path, share):
    """In one sentence, before anything is written."""
    with pytest.raises(ValueError, match=f"max_overhead must be a share above 0 and at most 1, or None, got {share}"):
        gandiag.Callback(tmp_path / "run", max_overhead=share)
    assert not (tmp_path / "run").exists()

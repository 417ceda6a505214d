"""The log of gradients: what it holds, and that the training does not notice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.bench.recorded import read_gradients
from benchmarks.corpus.gradient_log import GradientLog
from gandiag.rundir.run import RunError


def logged(gan, every=10):
    return GradientLog(gan.generator, gan.discriminator, gan.adam_g, gan.adam_d, every)


def test_the_training_is_the_same_to_the_last_bit(tiny):
    """Weights, buffers, optimizer and random states."""
    plain = tiny().train(25).state()
    watched = tiny()
    log = logged(watched, every=3)
    watched.train(25)
    log.close()
    assert all(torch.equal(a, b) for a, b in zip(plain, watched.state(), strict=True))


def test_records_hold_what_the_optimizers_used(tiny, tmp_path):
    """Norms, means and zeros of the last record are those of the gradients that are left after the step."""
    gan = tiny()
    log = logged(gan)
    gan.train(21)
    log.save(tmp_path / "gradients.npz")
    for network, module in (("generator", gan.generator), ("discriminator", gan.discriminator)):
        found = read_gradients(tmp_path / "gradients.npz")[network]
        assert found.steps.tolist() == [1, 11, 21]
        assert found.names.tolist() == [name for name, _ in module.named_parameters()]
        assert found.kernels.tolist() == [p.ndim > 1 for p in module.parameters()]
        if network == "discriminator":
            continue  # G's backward pass added to its gradients since
        for i, weight in enumerate(module.parameters()):
            gradient = weight.grad.numpy().astype(np.float64)
            assert found.mean_abs[-1, i] == pytest.approx(np.abs(gradient).mean(), rel=1e-5)
            assert found.norm[-1, i] == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
            assert found.zeros[-1, i] == pytest.approx((gradient == 0).mean(), abs=1e-6)
        assert not found.nonfinite.any()


def weights(*values):
    """A network with one weight, and a plain optimizer of it."""
    network = torch.nn.Linear(len(values), 1, bias=False)
    return network, torch.optim.SGD(network.parameters(), lr=0.0)


def use(network, optimizer, *values):
    network.weight.grad = torch.tensor([values])
    optimizer.step()


def test_zeros_and_non_finite_numbers_are_counted(tmp_path):
    """Of 0, 0, 1, NaN half are zero and one is not finite; a network without gradients shows neither."""
    g, optimizer_g = weights(1, 2, 3, 4)
    d, optimizer_d = weights(1, 2)
    log = GradientLog(g, d, optimizer_g, optimizer_d)
    optimizer_d.step()
    use(g, optimizer_g, 0.0, 0.0, 1.0, float("nan"))
    log.save(tmp_path / "gradients.npz")
    found = read_gradients(tmp_path / "gradients.npz")
    assert (found["generator"].zeros.item(), found["generator"].nonfinite.item()) == (0.5, 1)
    assert np.isnan(found["discriminator"].mean_abs.item())
    assert found["discriminator"].nonfinite.item() == 0


def test_several_updates_of_d_in_a_step_are_looked_at_once(tmp_path):
    """The first of them; steps are updates of G."""
    g, optimizer_g = weights(1)
    d, optimizer_d = weights(1)
    log = GradientLog(g, d, optimizer_g, optimizer_d, every=2)
    for step in range(1, 5):
        for update in range(3):
            use(d, optimizer_d, float(10 * step + update))
        use(g, optimizer_g, float(step))
    log.close()
    use(g, optimizer_g, 99.0)
    log.save(tmp_path / "gradients.npz")
    found = read_gradients(tmp_path / "gradients.npz")
    assert found["discriminator"].steps.tolist() == found["generator"].steps.tolist() == [1, 3]
    assert found["discriminator"].norm.ravel().tolist() == [10, 30]
    assert found["generator"].norm.ravel().tolist() == [1, 3]


def test_several_networks_are_told_apart_by_name(tmp_path):
    """The parts of a generator that is a dictionary of networks."""
    g, optimizer_g = weights(1)
    log = GradientLog({"encoder": g, "decoder": weights(1)[0]}, weights(1)[0], optimizer_g, weights(1)[1])
    log.save(tmp_path / "gradients.npz")
    found = read_gradients(tmp_path / "gradients.npz")["generator"]
    assert found.names.tolist() == ["encoder.weight", "decoder.weight"]
    assert found.steps.size == 0


def test_a_file_that_is_not_there_holds_nothing_and_a_damaged_one_is_refused(tmp_path):
    """With its name."""
    assert read_gradients(tmp_path / "gradients.npz") == {}
    (tmp_path / "gradients.npz").write_bytes(b"no such format")
    with pytest.raises(RunError, match=r"gradients\.npz: holds no gradients"):
        read_gradients(tmp_path / "gradients.npz")


def test_every_must_be_a_number_of_steps(tiny):
    """0 is none."""
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        logged(tiny(), every=0)

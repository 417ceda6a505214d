"""Areas under the ROC curve from what logs hold, beside those of drawn outputs."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.logs import estimates


def drawn(s, n=4000):
    """Logits of a D that is as sure as it is right, and how often it ranks a real sample above a generated one."""
    random = np.random.default_rng(0)
    real, fake = random.normal(s**2 / 2, s, n), random.normal(-(s**2) / 2, s, n)
    return real, fake, (real[:, None] > fake[None]).mean()


@pytest.mark.parametrize("s", [0.5, 1.0, 2.0, 4.0])
def test_estimates_agree_with_drawn_outputs(s):
    """From means and spreads, from mean probabilities, and from the loss."""
    real, fake, area = drawn(s)
    one = lambda value: np.array([value])  # noqa: E731
    normal = estimates.auc_of_normal(one(real.mean()), one(fake.mean()), one(real.std()), one(fake.std()))
    assert normal[0] == pytest.approx(area, abs=0.01)
    sure = [1 / (1 + np.exp(-f)) for f in (real, fake)]
    assert estimates.auc_of_probabilities(one(sure[0].mean()), one(sure[1].mean()))[0] == pytest.approx(area, abs=0.01)
    loss = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
    wanted = max(area, estimates.LEAST_OF_A_LOSS)
    assert estimates.auc_of_loss(one(loss), halved=False)[0] == pytest.approx(wanted, abs=0.01)
    assert estimates.auc_of_loss(one(loss / 2), halved=True)[0] == pytest.approx(wanted, abs=0.01)


def test_what_is_not_finite_stays_unknown():
    """And swapped outputs lie below chance."""
    nan = np.array([np.nan])
    assert np.isnan(estimates.auc_of_loss(nan, halved=True)[0])
    assert np.isnan(estimates.auc_of_probabilities(nan, np.array([0.5]))[0])
    assert estimates.auc_of_probabilities(np.array([0.2]), np.array([0.8]))[0] < 0.1

"""The Vendi score against its published values and the definition."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gandiag.quality.measures.vendi import vendi_of_kernel, vendi_score


def _normal(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_published_kernels_give_the_published_values() -> None:
    """Three pairs of equal numbers are three samples; two alike and one apart are 2.1573."""
    samples = torch.tensor([0.0, 0, 10, 10, 20, 20])
    assert vendi_of_kernel((-(samples[:, None] - samples).abs()).exp()) == pytest.approx(2.9999, abs=1e-4)
    alike = torch.tensor([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
    assert vendi_of_kernel(alike) == pytest.approx(2.1573, abs=5e-5)


@pytest.mark.parametrize(("groups", "copies"), [(1, 50), (7, 1), (7, 3), (40, 2)])
def test_orthogonal_groups_of_duplicates_count_as_groups(groups: int, copies: int) -> None:
    """n orthonormal vectors are n samples, m groups of duplicates m; lengths do not matter."""
    features = torch.eye(groups, 40).repeat(copies, 1)
    features *= torch.linspace(0.5, 1e30, len(features))[:, None]
    assert vendi_score(features) == pytest.approx(groups, rel=1e-6)


@given(st.integers(2, 40), st.integers(1, 40), st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_either_matrix_gives_the_score_of_the_definition(n: int, d: int, seed: int) -> None:
    """D x D and N x N have the same eigenvalues, and the score lies in [1, N] and below D."""
    features = _normal(n, d, seed).double()
    unit = features / features.norm(dim=1, keepdim=True)
    kernel = unit @ unit.T
    values = torch.linalg.eigvalsh(kernel / n).clamp(min=1e-300)
    score = vendi_score(features)
    assert score == pytest.approx(math.exp(-float((values * values.log()).sum())), rel=1e-6)
    assert score == pytest.approx(vendi_of_kernel(kernel), rel=1e-6)
    assert 1 - 1e-6 <= score <= min(n, d) + 1e-6


def test_a_collapsed_set_scores_less_than_a_diverse_one() -> None:
    """Directional: fewer directions, a lower score."""
    diverse = _normal(500, 30, 0)
    tight = diverse[:1] + 0.1 * _normal(500, 30, 1)
    assert vendi_score(tight) < 2
    assert vendi_score(diverse) > 20


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (torch.ones(2, 3), r"kernel must be square, found shape \(2, 3\)"),
        (torch.tensor([[1.0, 0.5], [0.2, 1.0]]), "kernel must be symmetric"),
        (torch.tensor([[2.0, 0.0], [0.0, 1.0]]), "ones on the diagonal, found 1 to 2"),
        (torch.tensor([[1.0, 3.0], [3.0, 1.0]]), "positive semi-definite, found an eigenvalue of -1"),
        (torch.tensor([[1.0, math.nan], [math.nan, 1.0]]), "found NaN or infinity in 2 of 2 rows"),
    ],
)
def test_a_matrix_that_is_no_kernel_is_refused(kernel: torch.Tensor, message: str) -> None:
    """Each property of a kernel is named where it is missing."""
    with pytest.raises(ValueError, match=message):
        vendi_of_kernel(kernel)


def test_rows_without_a_direction_are_refused() -> None:
    """The cosine of a zero vector does not exist."""
    with pytest.raises(ValueError, match="found 1 rows of zeros"):
        vendi_score(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))

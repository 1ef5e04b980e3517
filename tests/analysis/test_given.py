"""Parameters that make no mixture are refused, with the reason."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.mixtures import check_parameters


def mixture(**changes) -> bg.MixtureParameters:
    arrays = {
        "weights": np.array([0.3, 0.7]),
        "means": np.zeros((2, 3)),
        "scales": np.ones((2, 3)),
        "correlations": np.tile(np.eye(3), (2, 1, 1)),
    }
    return bg.MixtureParameters(**arrays | changes)


def with_entry(value: float, *, both: bool = True) -> np.ndarray:
    matrices = np.tile(np.eye(3), (2, 1, 1))
    matrices[1, 0, 1] = value
    if both:
        matrices[1, 1, 0] = value
    return matrices


def test_a_mixture_passes():
    for good in (mixture(), mixture(correlations=None), mixture(correlations=with_entry(-0.99))):
        assert check_parameters(good).batch_shape == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": np.array([0.3, 0.6])}, "sum to 0.9. Divide"),
        ({"weights": np.array([-0.3, 1.3])}, "zero or more"),
        ({"scales": np.array([[1.0, 1.0, 0.0]] * 2)}, "above zero; the smallest is 0"),
        ({"means": np.full((2, 3), np.nan)}, "means must hold finite numbers"),
        ({"correlations": with_entry(0.5, both=False)}, "symmetric"),
        ({"correlations": 4.0 * with_entry(0.1)}, "from_covariances"),
        (
            {"correlations": with_entry(1.2)},
            "positive definite; the smallest eigenvalue is -2.0e-01",
        ),
    ],
)
def test_nonsense_is_refused(changes, message):
    with pytest.raises(bg.SpecificationError, match=message):
        bg.generate(mixture(**changes), 3)


def test_shapes_are_told():
    """Set afterwards, since the tests check shapes where parameters are made, and users do not."""
    wrong = {
        "weights": np.full(3, 1 / 3),
        "scales": np.ones((2, 2)),
        "correlations": np.eye(3),
        "means": np.zeros(3),
    }
    for name, array in wrong.items():
        changed = mixture()
        object.__setattr__(changed, name, array)
        with pytest.raises(bg.SpecificationError, match=rf"{name}.*shape"):
            bg.generate(changed, 3)


def test_lists_are_taken_and_words_are_not():
    changed = mixture()
    object.__setattr__(changed, "weights", [1, 0])
    assert check_parameters(changed).weights.dtype == float
    object.__setattr__(changed, "weights", ["much", "little"])
    with pytest.raises(bg.SpecificationError, match="weights must be an array of numbers"):
        check_parameters(changed)

"""Rubin's rules against numbers worked by hand, and against repeated sampling."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesgmm as bg


def test_numbers_worked_by_hand():
    """W = 1, B = 5/2, T = 1 + 6/5 * 5/2 = 4, l = 3/4, v_m = 4 / (9/16) = 64/9."""
    pooled = bg.pool_imputations([1, 2, 3, 4, 5], [0.5, 1.5, 1.0, 0.75, 1.25], ci_prob=0.9)
    assert dict(pooled.sizes) == {}
    expected = {
        "estimate": 3, "within": 1, "between": Fraction(5, 2), "total": 4, "standard_error": 2,
        "degrees_of_freedom": Fraction(64, 9),
        "missing_information": Fraction(3, 4) + Fraction(1, 4) * 2 / (Fraction(64, 9) + 3),
    }  # fmt: skip
    for name, value in expected.items():
        assert float(pooled[name]) == pytest.approx(float(value), rel=1e-13), name
    # The 95% point of t with 64/9 degrees of freedom lies between those of tables, 1.895 and 1.860.
    half = (float(pooled["upper"]) - 3) / 2
    assert 1.860 < half < 1.895
    assert float(pooled["lower"]) == pytest.approx(3 - 2 * half)
    assert pooled.attrs["interval"] == "90% interval of a t distribution"


def test_degrees_of_freedom_of_barnard_and_rubin():
    """v_obs = 20 * 21/23 / 4 = 105/23, so 1 / v = 9/64 + 23/105."""
    variances = [0.5, 1.5, 1.0, 0.75, 1.25]
    pooled = bg.pool_imputations([1, 2, 3, 4, 5], variances, dfcom=20)
    expected = 1 / (Fraction(9, 64) + Fraction(23, 105))
    assert float(pooled["degrees_of_freedom"]) == pytest.approx(float(expected), rel=1e-13)
    large = bg.pool_imputations([1, 2, 3, 4, 5], variances, dfcom=1e12)
    assert float(large["degrees_of_freedom"]) == pytest.approx(64 / 9, rel=1e-6)


def test_with_nothing_missing_it_is_the_ordinary_answer():
    pooled = bg.pool_imputations([2.0] * 4, [9.0] * 4, dfcom=7)
    assert float(pooled["standard_error"]) == 3.0
    assert float(pooled["missing_information"]) == 0.0
    assert float(pooled["degrees_of_freedom"]) == pytest.approx(7 * 8 / 10)
    free = bg.pool_imputations([2.0] * 4, [9.0] * 4, ci_prob=0.95)
    assert np.isinf(free["degrees_of_freedom"])
    assert float(free["upper"]) == pytest.approx(2 + 3 * stats.norm.ppf(0.975))
    assert float(bg.pool_imputations([1.0, 1.0], [0.0, 0.0])["upper"]) == 1.0


def test_several_parameters_keep_their_names():
    series = [pd.Series({"slope": 1.0, "intercept": 2.0}), pd.Series({"slope": 3, "intercept": 2})]
    pooled = bg.pool_imputations(series, np.ones((2, 2)))
    assert pooled["parameter"].values.tolist() == ["slope", "intercept"]
    assert pooled["estimate"].values.tolist() == [2.0, 2.0]
    one = bg.pool_imputations([1.0, 3.0], [1.0, 1.0])
    for name in one:
        assert float(pooled[name].sel(parameter="slope")) == float(one[name])
    assert bg.pool_imputations(pd.DataFrame(series), np.ones((2, 2))).identical(pooled)
    named = bg.pool_imputations(np.ones((3, 2)), np.ones((3, 2)), names=["a", "b"])
    assert named["parameter"].values.tolist() == ["a", "b"]
    assert bg.pool_imputations(np.ones((3, 2)), np.ones((3, 2)))["parameter"].values.tolist() == [
        0,
        1,
    ]


def test_intervals_cover_as_often_as_they_say():
    """Proper imputations of a normal mean, 4000 times: a share outside 0.9 +- 4 sd is a chance of
    6e-5, and t intervals are approximate by less than a hundredth here."""
    rng, n, n_missing, m, repeats = np.random.default_rng(1), 60, 24, 20, 4000
    observed = rng.normal(size=(repeats, n - n_missing))
    n_observed = n - n_missing
    spread = observed.var(axis=1, ddof=1) * (n_observed - 1)
    variances = spread / rng.chisquare(n_observed - 1, (m, repeats))
    means = rng.normal(observed.mean(axis=1), np.sqrt(variances / n_observed))
    drawn = rng.normal(means, np.sqrt(variances), (n_missing, m, repeats))
    whole = np.concatenate([np.broadcast_to(observed.T[:, None], (n_observed, m, repeats)), drawn])
    pooled = bg.pool_imputations(
        whole.mean(axis=0), whole.var(axis=0, ddof=1) / n, dfcom=n - 1, ci_prob=0.9
    )
    covered = float(((pooled["lower"] < 0) & (pooled["upper"] > 0)).mean())
    assert abs(covered - 0.9) < 4 * np.sqrt(0.09 / repeats) + 0.005
    # Two fifths of the rows are missing, and with them two fifths of the information.
    assert float(pooled["missing_information"].median()) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([1.0], [1.0]), {}, bg.DataError, "at least two imputations, not 1"),
        (([1.0, 2.0], [1.0]), {}, bg.DataError, r"shape \(2,\) and variances \(1,\)"),
        (([1.0, 2.0], [1.0, -1.0]), {}, bg.DataError, "Give squared standard errors"),
        (([1.0, np.nan], [1.0, 1.0]), {}, bg.DataError, "must be finite"),
        (([[1.0], [1.0, 2.0]], [1.0, 1.0]), {}, bg.DataError, "must be numbers"),
        ((["a", "b"], [1.0, 1.0]), {}, bg.DataError, "must be numbers"),
        (([1, 2], [1, 1]), {"ci_prob": 1.0}, bg.SpecificationError, "ci_prob must lie"),
        (([1, 2], [1, 1]), {"dfcom": 0}, bg.SpecificationError, "number above 0, not 0"),
        (
            (np.ones((2, 2)), np.ones((2, 2))),
            {"names": ["a"]},
            bg.SpecificationError,
            "1 entries for 2 parameters",
        ),
    ],
)
def test_mistakes_are_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        bg.pool_imputations(*arguments, **options)

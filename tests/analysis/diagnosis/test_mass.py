"""The mass of modes, against what is known of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.mass import UNKNOWN, LogMass, log_masses, shares
from bayesgmm.analysis.labelings import target_of
from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.estimation.density import Target
from bayesgmm.parameters import MixtureParameters
from bayesgmm.tree.fit import Fit

ALONE = np.zeros(1, dtype=int)


def test_one_component_has_the_evidence_of_quadrature():
    """A normal mean and a log scale, on a grid; the error that is stated is a few thousandths."""
    rows = np.random.default_rng(0).normal(size=(30, 1))
    spec = bg.MixtureSpec(
        1, means=bg.NormalMeans(0.0, 2.0),
        covariances=bg.Diagonal(scales=bg.InverseGamma(2.0, 0.5)), resolution=1e-3,
    )  # fmt: skip
    target = Target(spec, Dataset(rows, default_names(1), np.arange(30)))

    mean, log_scale = np.linspace(-1.5, 1.5, 301)[:, None], np.linspace(-1.2, 1.2, 241)
    sigma = np.exp(log_scale)
    value = sum(stats.norm.logpdf(row, mean, sigma) for row in rows[:, 0])
    value += stats.norm.logpdf(mean, 0, 2) + stats.invgamma.logpdf(sigma, 2, scale=0.5) + log_scale
    over_scales = integrate.simpson(np.exp(value + 40), x=log_scale)
    exact = np.log(integrate.simpson(over_scales, x=mean[:, 0])) - 40
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 60)), -1).reshape(-1, 2)
    weights = np.exp([target(point)[0] - exact for point in grid])
    rng = np.random.default_rng(1)
    noise = rng.uniform(-1 / 59, 1 / 59, (4000, 2))  # from points of the grid to its cells
    positions = rng.choice(grid, 4000, p=weights / weights.sum()) + noise
    draws = target.layout.unpack(positions.reshape(4, 1000, 2))
    (mass,) = log_masses(target, [draws], ALONE, rng)
    assert mass.error < 0.05
    assert mass.value == pytest.approx(exact, abs=0.05)


def test_modes_that_are_mirror_images_hold_one_half_each():
    """Four clouds with features swapped; draws of each mode are made from its own chains."""
    from tests.analysis.verdicts import tree_of

    tree = tree_of("different_modes")
    target, draws = target_of(Fit(tree))
    parts = [draws.draw((np.array(chains),)) for chains in ((0, 2), (1, 3))]
    masses = log_masses(target, parts, Fit(tree).groups, np.random.default_rng(0))
    for share in shares(masses):
        assert share.lower - 0.05 < 0.5 < share.upper + 0.05
        assert share.upper - share.lower < 0.5


def test_other_names_of_components_are_not_another_mode(tree):
    """The draws of two chains under their own names, and under others: the same mass."""
    target, draws = target_of(Fit(tree))
    order = np.array([2, 0, 1])
    one = draws.draw((slice(0, 2),))
    other = MixtureParameters(
        one.weights[..., order], one.means[..., order, :], one.scales[..., order, :],
        one.correlations[..., order, :, :],
    )  # fmt: skip
    groups, values = Fit(tree).groups, []
    for part in (one, other):
        (mass,) = log_masses(target, [part], groups, np.random.default_rng(0))
        values.append(mass)
    assert values[0].value == pytest.approx(values[1].value, abs=4 * values[0].error)


def test_shares_have_limits_and_are_unknown_where_a_mass_is():
    one, other = shares([LogMass(-3.0, 0.1), LogMass(-3.0 - np.log(3), 0.1)])
    assert one.value == pytest.approx(0.75)
    assert one.lower == pytest.approx(1 / (1 + np.exp(-np.log(3) + 2 * np.sqrt(2) * 0.1)))
    assert str(other) == "25% (20% to 31%)"
    unknown = shares([LogMass(-3.0, 0.1), UNKNOWN])
    assert [str(share) for share in unknown] == ["unknown", "unknown"]
    assert not shares([LogMass(-3.0, 0.1), LogMass(-3.0, 0.9)])[0].is_known
    assert str(shares([LogMass(0.0, 0.1), LogMass(-20.0, 0.1)])[1]) == "less than 0.1%"


def test_too_few_draws_tell_nothing(tree):
    target, draws = target_of(Fit(tree))
    (mass,) = log_masses(
        target, [draws.draw((slice(None), slice(0, 10)))], Fit(tree).groups,
        np.random.default_rng(0),
    )  # fmt: skip
    assert not mass.is_known

"""The similarity matrix against loops over draws, in blocks, and by both methods."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.analysis.clustering import co_clustering as module
from bayesgmm.analysis.clustering.partition import draw_allocations
from tests.labels import shuffled


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit()


def by_hand(tree: xr.DataTree) -> np.ndarray:
    """Mean of R R' over all draws, one after another, with ones on the diagonal."""
    total, count = 0.0, 0
    for chain in range(tree["posterior"].sizes["chain"]):
        for draw in range(tree["posterior"].sizes["draw"]):
            one = bg.cluster(tree.isel(chain=[chain], draw=[draw]))["responsibilities"].values
            total, count = total + one @ one.T, count + 1
    total /= count
    np.fill_diagonal(total, 1.0)
    return total


def test_responsibilities_against_a_loop_over_draws(tree):
    few = tree.isel(draw=slice(0, 1000, 200))
    found = bg.co_clustering(few)
    np.testing.assert_allclose(found, by_hand(few), rtol=1e-12, atol=1e-15)
    assert found.dims == ("obs_id", "obs_id_bis")
    np.testing.assert_array_equal(found["obs_id"], tree["observed_data"]["obs_id"])
    np.testing.assert_array_equal(found["obs_id_bis"], tree["observed_data"]["obs_id"])


def test_allocations_against_a_loop_over_draws(tree):
    labels = draw_allocations(tree, draws=40).labels
    expected = np.mean([one[:, None] == one for one in labels], axis=0)
    found = bg.co_clustering(tree, method="allocations", max_draws=40)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert found.attrs == {"method": "allocations", "n_draws": 40}


@pytest.mark.parametrize("method", module.METHODS)
def test_a_matrix_of_probabilities(tree, method):
    found = bg.co_clustering(tree, method=method, max_draws=100).values
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 1.0)
    assert found.min() >= 0.0
    assert found.max() == 1.0
    assert np.linalg.eigvalsh(found).min() > -1e-10  # a mean of such matrices


@pytest.mark.parametrize("method", module.METHODS)
@pytest.mark.parametrize("rows", [range(10, 50), [341, 0, 7], np.array([5])])
def test_blocks_are_lines_of_the_whole(tree, method, rows):
    whole = bg.co_clustering(tree, method=method, max_draws=80)
    block = bg.co_clustering(tree, method=method, max_draws=80, rows=rows)
    xr.testing.assert_allclose(block, whole.isel(obs_id=list(rows)), rtol=1e-12)


def test_how_many_draws_are_multiplied_at_once_does_not_matter(tree, monkeypatch):
    before = bg.co_clustering(tree, max_draws=300)
    monkeypatch.setattr(module, "_FEWEST_NUMBERS", 0)
    xr.testing.assert_allclose(bg.co_clustering(tree, max_draws=300), before, rtol=1e-12)


def test_labels_do_not_matter(tree):
    """Not even those that a sampler leaves, before relabeling."""
    xr.testing.assert_allclose(
        bg.co_clustering(shuffled(tree, seed=2)), bg.co_clustering(tree), rtol=1e-12
    )


def test_both_methods_have_one_expectation(tree):
    """58 311 pairs: largest z below 5, which normal errors exceed in at most 4 of 100 seeds.

    Given the draws, allocations are independent between them. Four hits are added to the variance
    of a count, so that a single hit where hardly one is expected is no surprise.
    """
    expected = bg.co_clustering(tree, max_draws=4000).values
    counts = 4000 * bg.co_clustering(tree, method="allocations", max_draws=4000).values
    deviations = np.sqrt(4000 * expected * (1 - expected) + 4)
    assert (abs(counts - 4000 * expected) / deviations).max() < 5


def test_new_rows(tree):
    X = tree["observed_data"]["x"].values
    found = bg.co_clustering(tree, X[[0, 1, 300]], max_draws=100)
    whole = bg.co_clustering(tree, max_draws=100).values[np.ix_([0, 1, 300], [0, 1, 300])]
    np.testing.assert_allclose(found, whole, rtol=1e-12)


def test_the_seed_is_that_of_the_fit_or_another(tree):
    def allocated(seed: int | None = None) -> xr.DataArray:
        return bg.co_clustering(tree, method="allocations", max_draws=40, random_seed=seed)

    xr.testing.assert_identical(allocated(), allocated())
    assert not allocated().equals(allocated(5))


def test_a_matrix_that_does_not_fit_is_refused_with_a_remedy(tree):
    needed = 24 * 342**2
    bg.co_clustering(tree, max_draws=8, max_memory=needed)
    with pytest.raises(bg.SpecificationError, match=r"0\.00281 GB.*rows=range\(341\)"):
        bg.co_clustering(tree, max_draws=8, max_memory=needed - 1)
    bg.co_clustering(tree, max_draws=8, max_memory=needed - 1, rows=range(341))
    with pytest.raises(bg.SpecificationError, match="pass a sample of the rows as X"):
        bg.co_clustering(tree, max_memory=1, rows=[0])


@pytest.mark.parametrize("rows", [[], 3, [0.5], [[0, 1]], "all", [True] * 342])
def test_rows_are_positions(tree, rows):
    with pytest.raises(bg.SpecificationError, match=r"flatnonzero"):
        bg.co_clustering(tree, rows=rows)


@pytest.mark.parametrize("rows", [[0, 342], [-1]])
def test_rows_lie_within_the_table(tree, rows):
    with pytest.raises(bg.SpecificationError, match="between 0 and 341"):
        bg.co_clustering(tree, rows=rows)


@pytest.mark.parametrize(
    "options", [{"method": "counts"}, {"max_draws": 0}, {"max_memory": 0}, {"max_memory": "2 GB"}]
)
def test_options_out_of_range_are_named(tree, options):
    with pytest.raises(bg.SpecificationError, match=next(iter(options))):
        bg.co_clustering(tree, **options)

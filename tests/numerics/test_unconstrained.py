"""The map between parameters and unconstrained vectors: a bijection with PyMC's Jacobian."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesgmm.data.dataset import read_table
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.density import Target
from bayesgmm.numerics.unconstrained import CovarianceMap, Layout, made_regular
from bayesgmm.parameters import FactoredCorrelations
from bayesgmm.priors.spec import layout_of
from tests.cases import STRUCTURES, example_rows, example_spec
from tests.references.density import Natural, log_likelihood, log_prior, natural

SIZES = [(1, 1), (1, 3), (2, 1), (2, 2), (3, 4), (5, 6)]
BATCHES = [(), (7,), (2, 3)]


def layout_for(structure: str, k: int, d: int) -> Layout:
    return layout_of(example_spec(structure, "gamma", n_components=k), d)


def position_of(layout: Layout, batch: tuple[int, ...] = ()) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.8, (*batch, layout.size))


@pytest.mark.parametrize(("k", "d"), SIZES)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_packing_undoes_unpacking(structure, k, d):
    layout = layout_for(structure, k, d)
    for batch in BATCHES:
        vectors = position_of(layout, batch)
        parameters = layout.unpack(vectors)
        assert parameters.weights.shape == (*batch, k)
        assert parameters.means.shape == parameters.scales.shape == (*batch, k, d)
        assert_allclose(layout.pack(parameters), vectors, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_no_vectors_are_no_parameters(structure):
    layout = layout_for(structure, 2, 3)
    parameters = layout.unpack(np.empty((4, 0, layout.size)))
    assert parameters.batch_shape == (4, 0)
    assert parameters.covariances.shape == (4, 0, 2, 3, 3)


@pytest.mark.parametrize(("k", "d"), SIZES)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_batch_is_its_members_one_by_one(structure, k, d):
    layout = layout_for(structure, k, d)
    vectors = position_of(layout, (2, 3))
    whole = layout.unpack(vectors)
    for index in np.ndindex(2, 3):
        one = layout.unpack(vectors[index])
        for name in ("weights", "means", "scales"):
            assert_allclose(getattr(whole, name)[index], getattr(one, name), rtol=1e-12)
        if layout.covariances.correlated:
            assert_allclose(whole.correlations[index], one.correlations, rtol=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_parameters_obey_their_structure(structure):
    kind, layout = STRUCTURES[structure], layout_for(structure, 3, 4)
    parameters = layout.unpack(position_of(layout))
    assert parameters.weights.sum() == pytest.approx(1.0)
    assert np.all(parameters.scales > 0)
    assert (parameters.correlations is not None) == kind.correlated
    assert kind.tied == np.array_equal(parameters.covariances[0], parameters.covariances[1])
    assert kind.isotropic == np.array_equal(parameters.scales[:, 0], parameters.scales[:, 1])
    if kind.correlated:
        assert_allclose(np.diagonal(parameters.correlations, axis1=1, axis2=2), 1.0)
        assert np.all(np.linalg.eigvalsh(parameters.correlations) > 0)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_map_is_the_one_that_is_written_in_the_references(structure):
    spec = example_spec(structure, "inverse-gamma")
    layout = layout_of(spec, 4)
    ours, plain = layout.unpack(position_of(layout)), natural(spec, 4, position_of(layout))
    assert_allclose(ours.weights, plain.weights)
    assert_allclose(ours.means, plain.means)
    assert_allclose(ours.covariances, plain.covariances(), atol=1e-14)


@pytest.mark.parametrize(("k", "d"), [(1, 1), (2, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_target_holds_the_jacobian_of_unpack(structure, k, d):
    """What the target adds to likelihood and priors is log |det d natural / d vector|."""
    spec = example_spec(structure, "log-normal", n_components=k)
    target = Target(spec, read_table(example_rows(20, d)))
    layout, position = target.layout, position_of(target.layout)
    plain = read_back(layout, position)
    density = log_likelihood(spec, target.data.values, plain) + log_prior(spec, plain)
    width = 1e-5
    columns = [
        (read_back(layout, position + step).flat() - read_back(layout, position - step).flat())
        / (2 * width)
        for step in width * np.eye(layout.size)
    ]
    log_jacobian = np.linalg.slogdet(np.array(columns).T)[1]
    assert target(position)[0] - density == pytest.approx(log_jacobian, abs=1e-6)


def read_back(layout: Layout, position: np.ndarray) -> Natural:
    """Return the free natural parameters that ``unpack`` gives."""
    parameters = layout.unpack(position)
    m, s = layout.covariances.n_matrices, layout.covariances.n_scales
    if isinstance(parameters.correlations, FactoredCorrelations):
        log_scales, signals = layout.covariances.taken_apart(
            parameters.scales, parameters.correlations
        )
        return Natural(parameters.weights, parameters.means, np.exp(log_scales), None, signals)
    correlations = parameters.correlations[:m] if layout.covariances.correlated else None
    return Natural(parameters.weights, parameters.means, parameters.scales[:m, :s], correlations)


def test_sizes_add_up():
    layout = Layout(CovarianceMap(3, 4, "varying", "varying", "varying"))
    assert layout.covariances.n_pairs == 6
    assert layout.boundaries == (2, 14)
    assert layout.size == 14 + 12 + 18
    assert Layout(CovarianceMap(3, 4, "equal", "identity", "identity")).size == 14 + 1


# Names and numbers are those of mclustModelNames and nMclustParams, of the R package mclust.
@pytest.mark.parametrize(
    ("structure", "letters", "size"),
    [("tied-spherical", "EII", 1), ("spherical", "VII", 3), ("tied-diagonal", "EEI", 4),
     ("diagonal", "VVI", 12), ("tied", "EEE", 10), ("full", "VVV", 30)],
)  # fmt: skip
def test_structures_answer_as_the_models_of_mclust_do(structure, letters, size):
    kind = STRUCTURES[structure]
    words = {"E": "equal", "V": "varying", "I": "identity"}
    assert [kind.volume, kind.shape, kind.orientation] == [words[letter] for letter in letters]
    assert kind().covariance_map(3, 4).size == size


@pytest.mark.parametrize(
    "answers", [("varying", "equal", "identity"), ("equal", "equal", "varying")]
)
def test_relations_without_coordinates_are_refused(answers):
    with pytest.raises(SpecificationError, match="equal together or vary together"):
        CovarianceMap(3, 4, *answers)


def test_singular_correlations_are_moved_inside_and_others_left_alone():
    singular = np.array([[1.0, 1.0, 0.6], [1.0, 1.0, 0.6], [0.6, 0.6, 1.0]])
    close = np.array([[1.0, 1 - 1e-10, 0.0], [1 - 1e-10, 1.0, 0.0], [0.0, 0.0, 1.0]])
    moved = made_regular(np.array([[singular], [close]]))
    assert_allclose(moved[0, 0], singular, atol=2e-12)
    assert_allclose(np.diagonal(moved[0, 0]), 1.0, rtol=1e-15)
    assert np.linalg.eigvalsh(moved[0, 0])[0] == pytest.approx(1e-12, rel=1e-3)
    assert np.array_equal(moved[1, 0], close)
    covariances = CovarianceMap(2, 3, "varying", "varying", "varying")
    assert np.all(np.isfinite(covariances.coordinates(moved[:, 0])))


def test_what_unpack_returns_may_be_written_to():
    layout = layout_for("tied", 2, 2)
    vectors = position_of(layout)
    before = vectors.copy()
    parameters = layout.unpack(vectors)
    for values in (parameters.weights, parameters.means, parameters.scales,
                   parameters.correlations):  # fmt: skip
        values += 1.0
    assert np.array_equal(vectors, before)


def test_means_are_no_wider_than_their_prior():
    layout = Layout(CovarianceMap(2, 3, "varying", "identity", "identity"))
    parameters = layout.unpack(np.zeros(layout.size))
    precision = np.tile([0.0, 1.0, 1e48], (2, 1))
    widths = layout.rough_deviations(parameters, 100, precision)[1:7].reshape(2, 3)
    assert_allclose(widths, np.tile([51**-0.5, 51**-0.5, 1e-24], (2, 1)))

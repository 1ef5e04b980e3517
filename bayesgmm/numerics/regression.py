"""Gaussian mixture regression: some features given others, over many mixtures.

Under each mixture the target is a mixture of linear regressions, whose weights depend on what is
given (Ghahramani & Jordan, 1994; Cohn, Ghahramani & Jordan, 1996). Over many mixtures it is the
mixture of all of them, with one component for each mixture and component.

Rows go in small blocks under all mixtures, so that memory depends neither on their number nor,
beyond the mixtures themselves, on that of the draws. Rows with the same missing cells are processed
together.

Axes: s mixtures, n rows, k components, g given features, t targets.

References
----------
Cohn, D. A., Ghahramani, Z. and Jordan, M. I. (1996). Active learning with statistical models.
Journal of Artificial Intelligence Research 4, 129-145.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.conditional_normals import Split, split_all
from bayesgmm.numerics.family import FAMILY
from bayesgmm.numerics.kernels.normal_mixtures import write_regression
from bayesgmm.numerics.kernels.rows import component_tables
from bayesgmm.numerics.patterns import Patterns
from bayesgmm.numerics.rows import as_compiled
from bayesgmm.numerics.statistics import PrecisionForm
from bayesgmm.parameters import MixtureParameters

_MOST_ROWS = 256  # at once, one tile of the passes over rows
_NUMBERS_AT_ONCE = 1_500_000  # responsibilities that a thread holds, 12 MB


@dataclass(frozen=True)
class Regression:
    """The distribution of targets given rows.

    Attributes
    ----------
    mean, sd : arrays, shape (n, t)
        Of the targets, over components and mixtures.
    mean_sd : array, shape (n, t)
        Standard deviation, over the mixtures, of the mean under each of them.
    lower, upper : arrays, shape (n, t)
        Quantiles of the targets.
    """

    mean: Float[np.ndarray, "n t"]
    sd: Float[np.ndarray, "n t"]
    mean_sd: Float[np.ndarray, "n t"]
    lower: Float[np.ndarray, "n t"]
    upper: Float[np.ndarray, "n t"]


def regression(
    X: Float[np.ndarray, "n g"], draws: MixtureParameters, tails: tuple[float, float]
) -> Regression:
    """Describe the targets given each row.

    Parameters
    ----------
    X : array, shape (n, g)
        The given features; NaN where a cell is missing, which is then integrated out.
    draws : MixtureParameters
        Of the given features, in this order, and after them the targets.
    tails : pair of float
        The probabilities of the quantiles.
    """
    n_targets = draws.n_features - X.shape[1]
    output = np.empty((n_targets, X.shape[0], 5))
    for rows, cells, parts in _patterns(X, draws):
        output[:, rows] = _described(cells, parts, np.array(tails))[-n_targets:]
    return Regression(*np.transpose(output, (2, 1, 0)))


def _described(
    X: Float[np.ndarray, "n g"], parts: Split, probabilities: Float[np.ndarray, " q"]
) -> Float[np.ndarray, "t n statistics"]:
    """Describe all features that are not given, for rows with the same given features."""
    (n_rows, _), (s, k, t) = X.shape, parts.means.shape
    scales = np.sqrt(np.diagonal(parts.rests, axis1=-2, axis2=-1))
    # One target after another: contiguous arrays, as the kernel is compiled for.
    of_targets = [
        tuple(
            np.ascontiguousarray(array[:, :, target])
            for array in (parts.slopes, parts.means, scales)
        )
        for target in range(t)
    ]
    output, size = np.empty((t, n_rows, 3 + probabilities.size)), _block_size(s, k)
    normal_quantiles = FAMILY.quantiles(probabilities)

    def write_block(number: int) -> None:
        block = slice(number * size, min((number + 1) * size, n_rows))
        resp = _responsibilities(X[block], parts.given)
        for target, arrays in enumerate(of_targets):
            write_regression(
                X[block], resp, parts.given.means, *arrays,
                probabilities, normal_quantiles, output[target, block],
            )  # fmt: skip

    for_each(-(-n_rows // size), write_block)
    return output


def predictive_rows(
    X: Float[np.ndarray, "n g"],
    draws: MixtureParameters,
    n_samples: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "samples n t"]:
    """Draw targets for each row: a mixture, a component by its responsibility, then a point."""
    n_rows, n_targets = X.shape[0], draws.n_features - X.shape[1]
    output = np.empty((n_samples, n_rows, n_targets))
    for rows, cells, parts in _patterns(X, draws):
        output[:, rows] = _drawn(cells, parts, n_samples, rng)[..., -n_targets:]
    return output


def _drawn(
    X: Float[np.ndarray, "n g"], parts: Split, n_samples: int, rng: np.random.Generator
) -> Float[np.ndarray, "samples n t"]:
    """Draw all features that are not given, mixture by mixture, each for the rows that chose it."""
    s, _, t = parts.means.shape
    chosen = rng.integers(s, size=n_samples * X.shape[0])
    order = np.argsort(chosen, kind="stable")
    starts = np.searchsorted(chosen[order], np.arange(s + 1))
    output = np.empty((chosen.size, t))
    for number in range(s):
        places = order[starts[number] : starts[number + 1]]
        if places.size:
            output[places] = _drawn_from(X[places % X.shape[0]], parts, number, rng)
    return output.reshape(n_samples, X.shape[0], t)


def _drawn_from(X: np.ndarray, parts: Split, number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw once for each row, under one of the mixtures."""
    given = parts.given
    one = (array[number : number + 1] for array in given.kernel_arguments())
    cumulative = np.cumsum(_responsibilities(X, PrecisionForm(*one))[0], axis=1)
    uniform = rng.random(len(X))[:, None] * cumulative[:, -1:]
    component = np.minimum((uniform > cumulative).sum(axis=1), cumulative.shape[1] - 1)
    centered = X - given.means[number][component]
    centers = parts.means[number][component]
    centers = centers + np.einsum("ntg,ng->nt", parts.slopes[number][component], centered)
    roots = np.linalg.cholesky(parts.rests[number])
    noise = FAMILY.draw(rng, centers.shape)
    return centers + np.einsum("nij,nj->ni", roots[component], noise)


def _patterns(
    X: Float[np.ndarray, "n g"], draws: MixtureParameters
) -> Iterator[tuple[np.ndarray, np.ndarray, Split]]:
    """Go through rows that lack the same cells: their places, what they have, and the mixtures.

    The features that are not given are, in this order, those that are missing and the targets.
    """
    targets = np.arange(X.shape[1], draws.n_features)
    for rows, features, size, cells in Patterns.of(X).each():
        order = np.concatenate([features, targets])
        yield rows, as_compiled(cells), split_all(draws, order, int(size))


def _block_size(n_mixtures: int, n_components: int) -> int:
    return min(_MOST_ROWS, max(1, _NUMBERS_AT_ONCE // (n_mixtures * n_components)))


def _responsibilities(
    X: Float[np.ndarray, "n g"], given: PrecisionForm
) -> Float[np.ndarray, "s n k"]:
    """Return the responsibilities of rows under all mixtures."""
    (s, k), n_rows = given.constants.shape, X.shape[0]
    if X.shape[1] == 0:  # nothing is given: weights are what they were
        return np.repeat(np.exp(given.constants)[:, None, :], n_rows, axis=1)
    output = np.empty((s, n_rows, k))
    component_tables(X, np.empty((0, 0)), *given.kernel_arguments(), output)
    return output

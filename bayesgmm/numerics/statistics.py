"""Log-likelihood and sufficient statistics of rows under given parameters.

EM, the gradient of the log posterior and Gibbs need nothing else from the rows, and statistics
of disjoint blocks of rows add.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from scipy.special import logsumexp

from bayesgmm.numerics.factor_analyzers import Analyzers, densities_and_scores
from bayesgmm.numerics.family import FAMILY
from bayesgmm.numerics.kernels.patterns import (
    marginals,
    pattern_log_densities,
    pattern_statistics,
    pattern_table,
)
from bayesgmm.numerics.kernels.rows import component_table, mixture_log_densities, statistics
from bayesgmm.numerics.patterns import Patterns
from bayesgmm.numerics.rows import (
    Block,
    Rows,
    RowsInMemory,
    as_rows,
)
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters

Table = Rows | Float[np.ndarray, "n d"]
"""Rows, or their cells where no more is known of them, as at the points of a grid."""

_NUMBERS_AT_ONCE = 1_000_000  # in the factors of mixtures that are factorized together


@dataclass(frozen=True)
class SufficientStatistics:
    """Sufficient statistics of the rows under the current parameters, for EM and samplers.

    Attributes
    ----------
    log_likelihood : float
        Sum over rows of log sum_k pi_k N(x_i | mu_k, Sigma_k).
    counts : array, shape (k,)
        N_k, the sum of the responsibilities r_ik.
    sums : array, shape (k, d)
        The sum of r_ik (x_i - mu_k), about the *current* means.
    scatter : array, shape (k, d, d) or (k, d)
        The sum of r_ik (x_i - mu_k)(x_i - mu_k)', or its diagonal where there are no
        correlations.
    """

    log_likelihood: float
    counts: Float[np.ndarray, " k"]
    sums: Float[np.ndarray, "k d"]
    scatter: Float[np.ndarray, "k d ..."]

    def parts(self) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Return log-likelihood, counts, sums and scatter."""
        return self.log_likelihood, self.counts, self.sums, self.scatter

    def about(self, shift: Float[np.ndarray, "k d"]) -> SufficientStatistics:
        """Return the same statistics about means moved by ``shift``."""
        counts = self.counts[:, None]
        if self.scatter.ndim == 2:
            scatter = self.scatter - 2 * self.sums * shift + counts * shift**2
        else:
            half = self.sums - 0.5 * counts * shift
            cross = half[:, :, None] * shift[:, None, :]
            scatter = self.scatter - (cross + cross.swapaxes(1, 2))
        sums = self.sums - counts * shift
        return SufficientStatistics(self.log_likelihood, self.counts, sums, scatter)


@dataclass(frozen=True)
class PrecisionForm:
    """A mixture as used by the passes over rows; leading batch axes for many.

    Attributes
    ----------
    constants : array, shape (..., k)
        Logarithms of weight over normalizing constant.
    means : array, shape (..., k, d)
    factors : array, shape (..., k, d, d) or (..., k, d)
        Lower triangular, with ``factor @ (x - mean)`` standard normal; or one over the scales,
        where there are no correlations.
    """

    constants: Float[np.ndarray, "*batch k"]
    means: Float[np.ndarray, "*batch k d"]
    factors: Float[np.ndarray, "*batch k d ..."]

    @classmethod
    def of(cls, parameters: MixtureParameters) -> PrecisionForm:
        """Factorize the covariances of one mixture or of many."""
        size, means = parameters.n_features, np.array(parameters.means)
        with np.errstate(divide="ignore"):  # a weight of zero is a log weight of -inf
            constants = np.log(parameters.weights) + FAMILY.log_kernel(0.0, size)
        constants = constants - np.log(parameters.scales).sum(axis=-1)
        if parameters.correlations is None:
            return cls(constants, means, 1.0 / parameters.scales)
        roots = correlation_roots(np.asarray(parameters.correlations))
        constants -= np.log(np.diagonal(roots, axis1=-2, axis2=-1)).sum(axis=-1)
        # A triangular solve against the identity: the factors are needed entry by entry below.
        inverses = np.tril(np.linalg.solve(roots, np.broadcast_to(np.eye(size), roots.shape)))
        return cls(constants, means, inverses / parameters.scales[..., None, :])

    @property
    def correlated(self) -> bool:
        """Whether the factors are triangles."""
        return self.factors.ndim > self.means.ndim

    def marginal(self, features: Int[np.ndarray, " d"], n_observed: int) -> PrecisionForm:
        """Return the mixture, or mixtures along one axis, of the first of these features."""
        if self.constants.ndim == 1:
            return PrecisionForm(*marginals(features, n_observed, *self.kernel_arguments())[:3])
        each = zip(*self.kernel_arguments(), strict=True)
        parts = [marginals(features, n_observed, *one)[:3] for one in each]
        return PrecisionForm(*(np.stack(part) for part in zip(*parts, strict=True)))

    def kernel_arguments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what kernels take of one mixture."""
        return self.constants, self.means, self.factors


@dataclass(frozen=True)
class FactoredForm:
    """A mixture of factor analyzers as used by the passes over rows.

    Where cells are missing, passes take the same factors of covariance matrices as of any mixture.
    """

    analyzers: Analyzers
    correlated: ClassVar[bool] = True

    @property
    def constants(self) -> Float[np.ndarray, " k"]:
        """See :class:`PrecisionForm`."""
        return self.analyzers.constants

    @property
    def means(self) -> Float[np.ndarray, "k d"]:
        """See :class:`PrecisionForm`."""
        return self.analyzers.means

    @cached_property
    def factors(self) -> Float[np.ndarray, "k d d"]:
        """See :class:`PrecisionForm`."""
        signals, size = self.analyzers.signals, self.means.shape[1]
        roots = np.linalg.cholesky(np.eye(size) + signals.swapaxes(1, 2) @ signals)
        inverses = np.tril(np.linalg.solve(roots, np.broadcast_to(np.eye(size), roots.shape)))
        return inverses / self.analyzers.scales[:, None, :]

    def marginal(self, features: Int[np.ndarray, " d"], n_observed: int) -> PrecisionForm:
        """See :meth:`PrecisionForm.marginal`."""
        return PrecisionForm(*self.kernel_arguments()).marginal(features, n_observed)

    def kernel_arguments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what kernels take."""
        return self.constants, self.means, self.factors


def correlation_roots(correlations: Float[np.ndarray, "*batch d d"]) -> np.ndarray:
    """Return lower Cholesky factors of correlation matrices."""
    # No more than the rounding error of the matrix itself, which may leave it indefinite.
    size = correlations.shape[-1]
    return np.linalg.cholesky(correlations + 4 * size * np.finfo(float).eps * np.eye(size))


Mixture = MixtureParameters | PrecisionForm | FactoredForm

WIDE = 16  # features, from which passes over rows for factor analyzers are faster than any


def each_mixture(
    draws: MixtureParameters,
) -> Iterator[tuple[tuple[int, ...], PrecisionForm | FactoredForm]]:
    """Go through many mixtures, factorized some thousand at a time; yield index and mixture."""
    indices = list(np.ndindex(*draws.batch_shape))
    has_factors = _has_factors(draws)
    each = draws.n_features
    if isinstance(draws.correlations, FactoredCorrelations) and has_factors:
        each = draws.correlations.loadings.shape[-1] + 2
    at_once = max(1, _NUMBERS_AT_ONCE // (draws.n_components * draws.n_features * each))
    for start in range(0, len(indices), at_once):
        some = indices[start : start + at_once]
        if has_factors:
            analyzers = Analyzers.of(draws.draw(tuple(np.transpose(some))))
            for number, index in enumerate(some):
                yield index, FactoredForm(analyzers.draw(number))
            continue
        form = PrecisionForm.of(draws.draw(tuple(np.transpose(some))))
        for number, index in enumerate(some):
            yield (
                index,
                PrecisionForm(form.constants[number], form.means[number], form.factors[number]),
            )


def all_mixtures(draws: MixtureParameters) -> PrecisionForm:
    """Return many mixtures, factorized, along one axis."""
    forms = [mixture.kernel_arguments() for _, mixture in each_mixture(draws)]
    return PrecisionForm(*(np.stack(parts) for parts in zip(*forms, strict=True)))


def sufficient_statistics(X: Table, mixture: Mixture) -> SufficientStatistics:
    """Return log-likelihood, N_k, S1_k and S2_k of the rows.

    For missing cells, the statistics are conditional expectations.
    """
    form = _precision_form(mixture)
    return SufficientStatistics(*statistics_of(as_rows(X), form.kernel_arguments()))


def statistics_of(
    X: Rows, mixture: tuple[np.ndarray, ...]
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Do the same for what kernels take of a mixture."""
    kernel = pattern_statistics if X.has_gaps else statistics

    def of_block(block: Block) -> tuple:
        return kernel(block.rows, block.weights, block.label_log_likelihoods, *mixture)

    return X.sum(of_block)


def shared_statistics(
    X: RowsInMemory | Float[np.ndarray, "n d"], resp: Float[np.ndarray, "n k"], *, correlated: bool
) -> tuple[Float[np.ndarray, "k d"], SufficientStatistics]:
    """Return means, and statistics about them, of complete rows with given responsibilities.

    The responsibilities of a row sum to one, or are all zero. An empty component has the mean of
    all rows. The log-likelihood is not meaningful.
    """
    rows = as_rows(X)
    with np.errstate(divide="ignore"):
        shared = rows.with_labels(np.log(resp))
    center = rows.values.mean(axis=0)
    means = np.broadcast_to(center, (resp.shape[1], center.size)).copy()
    # Twice, because squares about a far center would lose the digits of narrow components.
    rough = _shared_about(shared, means, correlated=False)
    with np.errstate(invalid="ignore", divide="ignore"):
        means += np.nan_to_num(rough.sums / rough.counts[:, None])
    return means, _shared_about(shared, means, correlated=correlated)


def _shared_about(
    shared: Rows, means: Float[np.ndarray, "k d"], *, correlated: bool
) -> SufficientStatistics:
    """Return statistics of rows with log responsibilities as label log likelihoods.

    Under infinitely wide components the densities of a row are all equal, so its responsibilities
    are determined by the label log likelihoods.
    """
    k, d = means.shape
    wide = np.zeros(k), means, np.zeros((k, d, d) if correlated else (k, d))
    return SufficientStatistics(*statistics_of(shared, wide))


def log_densities(X: Table, mixture: Mixture) -> Float[np.ndarray, " n"]:
    """Return log sum_k pi_k N(x_i | mu_k, Sigma_k) for the observed cells of every row.

    Label log likelihoods are used, weights are not.
    """
    return _writer(as_rows(X), _LOG_DENSITIES, (), ())(_precision_form(mixture))


def predictive_log_densities(X: Table, draws: MixtureParameters) -> Float[np.ndarray, " n"]:
    """Return the logarithm of the density of every row, averaged over many mixtures."""
    rows = as_rows(X)
    total = np.full(rows.n_rows, -np.inf)
    write = _writer(rows, _LOG_DENSITIES, (), ())
    for _, mixture in each_mixture(draws):
        np.logaddexp(total, write(mixture), out=total)
    return total - np.log(np.prod(draws.batch_shape, dtype=int))


def log_densities_of_draws(X: Table, draws: MixtureParameters) -> Float[np.ndarray, "*batch n"]:
    """Return the logarithm of the density of every row under each of many mixtures."""
    rows = as_rows(X)
    found = np.empty((*draws.batch_shape, rows.n_rows))
    write = _writer(rows, _LOG_DENSITIES, (), ())
    for place, mixture in each_mixture(draws):
        found[place] = write(mixture)
    return found


def component_log_densities(X: Table, mixture: Mixture) -> Float[np.ndarray, "n k"]:
    """Return log(pi_k N(x_i | mu_k, Sigma_k)) for every row and component."""
    return _component_table(X, mixture, normalized=False)


def responsibilities(X: Table, mixture: Mixture) -> Float[np.ndarray, "n k"]:
    """Return the probability of every component for every row, r_ik."""
    return _component_table(X, mixture, normalized=True)


def mean_responsibilities(X: Table, draws: MixtureParameters) -> Float[np.ndarray, "n k"]:
    """Return the probability of every component for every row, averaged over many mixtures."""
    rows, shape = as_rows(X), (draws.n_components,)
    total = np.zeros((rows.n_rows, *shape))
    write = _writer(rows, _TABLES, (True,), shape)
    for _, mixture in each_mixture(draws):
        total += write(mixture)
    return total / np.prod(draws.batch_shape)


def _component_table(X: Table, mixture: Mixture, *, normalized: bool) -> np.ndarray:
    form = _precision_form(mixture)
    return _writer(as_rows(X), _TABLES, (normalized,), (form.constants.size,))(form)


_LOG_DENSITIES = mixture_log_densities, pattern_log_densities  # of complete rows, of others
_TABLES = component_table, pattern_table


def _writer(
    X: Rows, kernels: tuple[Callable, Callable], options: tuple, shape: tuple[int, ...]
) -> Callable[[PrecisionForm | FactoredForm], np.ndarray]:
    """Return a function of a mixture that returns what a kernel writes for every row."""
    kernel = kernels[X.has_gaps]

    def write(form: PrecisionForm | FactoredForm) -> np.ndarray:
        output = np.empty((X.n_rows, *shape))
        factored = form.analyzers if isinstance(form, FactoredForm) and not X.has_gaps else None
        mixture = () if factored is not None else form.kernel_arguments()

        def write_block(block: Block) -> None:
            place, known = output[block.start : block.stop], block.label_log_likelihoods
            if factored is not None and isinstance(block.rows, np.ndarray):
                _write_factored(block.rows, known, factored, options, place)
                return
            if not isinstance(block.rows, Patterns):
                kernel(block.rows, known, *mixture, *options, place)
                return
            part = np.empty(place.shape)
            kernel(block.rows, known, *mixture, *options, part)
            place[block.rows.rows] = part

        X.for_each(write_block)
        return output

    return write


def _write_factored(
    rows: Float[np.ndarray, "n d"],
    label_log_likelihoods: Float[np.ndarray, "_ _"],
    mixture: Analyzers,
    options: tuple,
    place: Float[np.ndarray, "n ..."],
) -> None:
    """Write log densities of rows, or of components; with an option, responsibilities."""
    table, _ = densities_and_scores(rows, mixture)
    if label_log_likelihoods.size:
        table += label_log_likelihoods
    if options == (False,):
        place[:] = table
        return
    totals = logsumexp(table, axis=1)
    place[:] = np.exp(table - totals[:, None]) if options else totals


def _has_factors(parameters: MixtureParameters) -> bool:
    is_factored = isinstance(parameters.correlations, FactoredCorrelations)
    return is_factored and parameters.n_features >= WIDE


def _precision_form(mixture: Mixture) -> PrecisionForm | FactoredForm:
    if not isinstance(mixture, MixtureParameters):
        return mixture
    if _has_factors(mixture):
        return FactoredForm(Analyzers.of(mixture))
    return PrecisionForm.of(mixture)


def work_of_pass(n_rows: int, n_components: int, n_features: int) -> int:
    """Return roughly how many operations a pass over rows takes, to compare such passes."""
    return n_rows * n_components * (n_features * n_features + 5 * n_features + 10)

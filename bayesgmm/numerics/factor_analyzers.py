"""Mixtures of factor analyzers: passes over complete rows that never make a covariance matrix.

With Sigma = D (I + A A') D, w = D^-1 (x - mu), V = I + A'A and z = V^-1 A' w, the posterior mean of
the factors of a row, the squared Mahalanobis distance is |w - A z|^2 + |z|^2 (Woodbury, as a sum of
squares, which loses no digits), and log|Sigma| = 2 sum_j log D_j + log|V| (the matrix determinant
lemma). A pass takes O(d q) for a row and component. Products are those of BLAS.

Axes: n rows, k components, m free matrices, d features, q factors. ``signals`` are A, transposed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from bayesgmm.numerics.family import FAMILY
from bayesgmm.numerics.mixture_prior import CovariancePrior, MixturePrior, scale_terms
from bayesgmm.numerics.rows import Block, Rows
from bayesgmm.numerics.unconstrained import FactorMap, Layout
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters

_NUMBERS_AT_ONCE = 2_000_000  # cells of rows in a pass, which makes a few arrays of this size


class Analyzers(NamedTuple):
    """The components of a mixture.

    Attributes
    ----------
    constants : array, shape (k,)
        Logarithms of weight over normalizing constant.
    means, scales : arrays, shape (k, d)
        mu, and the diagonal of D.
    signals : array, shape (k, q, d)
    precisions : array, shape (k, q, q)
        V.
    """

    constants: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    signals: np.ndarray
    precisions: np.ndarray

    @property
    def regression(self) -> Float[np.ndarray, "*batch k q d"]:
        """V^-1 A', which makes posterior means of the factors of rows over D."""
        return np.linalg.solve(self.precisions, self.signals)

    def draw(self, number: int) -> Analyzers:
        """Return one of many mixtures along one axis."""
        return Analyzers(*(part[number] for part in self))

    @classmethod
    def of(cls, parameters: MixtureParameters) -> Analyzers:
        """Take the parameters of one mixture, or of many, apart."""
        correlations = parameters.correlations
        assert isinstance(correlations, FactoredCorrelations)
        roots = np.sqrt(correlations.uniquenesses)
        signals = np.swapaxes(correlations.loadings / roots[..., None], -1, -2)
        return cls.made(parameters.weights, parameters.means, parameters.scales * roots, signals)

    @classmethod
    def made(
        cls,
        weights: Float[np.ndarray, "*batch k"],
        means: Float[np.ndarray, "*batch k d"],
        scales: Float[np.ndarray, "*batch k d"],
        signals: Float[np.ndarray, "*batch k q d"],
    ) -> Analyzers:
        """Add what passes need."""
        precisions = np.eye(signals.shape[-2]) + signals @ signals.swapaxes(-1, -2)
        with np.errstate(divide="ignore"):  # a weight of zero is a log weight of -inf
            constants = np.log(weights) + FAMILY.log_kernel(0.0, means.shape[-1])
        constants -= np.log(scales).sum(axis=-1) + 0.5 * np.linalg.slogdet(precisions)[1]
        return cls(constants, means, scales, signals, precisions)


@dataclass(frozen=True)
class FactorStatistics:
    """Sufficient statistics for loadings and uniquenesses, about the current means.

    Rows are over D, and z are the posterior means of their factors.

    Attributes
    ----------
    log_likelihood : float
    counts : array, shape (k,)
        N_k, the sum of the responsibilities r_ik.
    sums, squares : arrays, shape (k, d)
        The sum of r w, and of r w^2.
    cross : array, shape (k, q, d)
        The sum of r z w'.
    """

    log_likelihood: float
    counts: Float[np.ndarray, " k"]
    sums: Float[np.ndarray, "k d"]
    squares: Float[np.ndarray, "k d"]
    cross: Float[np.ndarray, "k q d"]

    @classmethod
    def of(
        cls,
        log_likelihood: float,
        counts: Float[np.ndarray, " k"],
        sums: Float[np.ndarray, "k d"],
        scatter: Float[np.ndarray, "k d d"],
        mixture: Analyzers,
    ) -> FactorStatistics:
        """Return those of a scatter, as of rows with missing cells; see ``statistics.py``."""
        unscale = 1.0 / mixture.scales
        scatter = scatter * unscale[:, :, None] * unscale[:, None, :]
        squares = np.diagonal(scatter, axis1=1, axis2=2).copy()
        cross = mixture.regression @ scatter
        return cls(log_likelihood, counts, sums * unscale, squares, cross)

    def about(self, shift: Float[np.ndarray, "k d"], mixture: Analyzers) -> FactorStatistics:
        """Return the same statistics about means moved by ``shift``, which is over D."""
        counts = self.counts[:, None]
        squares = self.squares - shift * (2 * self.sums - counts * shift)
        through = mixture.regression
        of_sums, of_shift = (np.einsum("kqd,kd->kq", through, part) for part in (self.sums, shift))
        cross = self.cross - of_sums[:, :, None] * shift[:, None, :]
        cross -= of_shift[:, :, None] * (self.sums - counts * shift)[:, None, :]
        sums = self.sums - counts * shift
        return FactorStatistics(self.log_likelihood, self.counts, sums, squares, cross)

    def products(self, mixture: Analyzers) -> Float[np.ndarray, "k q q"]:
        """Return the sum of r E[z z'], given the rows."""
        through = mixture.regression
        inverses = np.linalg.inv(mixture.precisions)  # of q by q matrices, added to as they are
        return self.counts[:, None, None] * inverses + self.cross @ through.swapaxes(1, 2)


def factor_statistics(X: Rows, mixture: Analyzers) -> FactorStatistics:
    """Return the statistics of complete rows."""

    def of_block(block: Block) -> tuple:
        rows = block.rows
        assert isinstance(rows, np.ndarray)
        at_once = max(1, _NUMBERS_AT_ONCE // rows.shape[1])
        parts = [
            _of_rows(
                rows[start : start + at_once], block.weights[start : start + at_once],
                block.label_log_likelihoods[start : start + at_once], mixture,
            )
            for start in range(0, max(1, rows.shape[0]), at_once)
        ]  # fmt: skip
        return tuple(sum(part) for part in zip(*parts, strict=True))

    return FactorStatistics(*X.sum(of_block))


def densities_and_scores(
    rows: Float[np.ndarray, "n d"], mixture: Analyzers
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "k n q"]]:
    """Return log(pi_k N(x_i | mu_k, Sigma_k)), and the posterior means of the factors."""
    k, q, _ = mixture.signals.shape
    table, scores = np.empty((rows.shape[0], k)), np.empty((k, rows.shape[0], q))
    for component in range(k):
        signals, whitened = mixture.signals[component], rows - mixture.means[component]
        whitened /= mixture.scales[component]
        scores[component] = np.linalg.solve(
            mixture.precisions[component], signals @ whitened.T
        ).T  # fmt: skip
        whitened -= scores[component] @ signals
        squares = np.einsum("nd,nd->n", whitened, whitened)
        squares += np.einsum("nq,nq->n", scores[component], scores[component])
        table[:, component] = mixture.constants[component] - 0.5 * squares
    return table, scores


def _of_rows(
    rows: Float[np.ndarray, "n d"],
    weights: Float[np.ndarray, " _"],
    label_log_likelihoods: Float[np.ndarray, "_ _"],
    mixture: Analyzers,
) -> tuple:
    k, q, d = mixture.signals.shape
    table, scores = densities_and_scores(rows, mixture)
    if label_log_likelihoods.size:
        table += label_log_likelihoods
    totals = logsumexp(table, axis=1)
    resp = np.exp(table - totals[:, None])
    if weights.size:
        resp *= weights[:, None]
        totals = np.where(weights > 0, totals * weights, 0.0)
    sums, squares, cross = np.empty((k, d)), np.empty((k, d)), np.empty((k, q, d))
    for component in range(k):
        whitened = (rows - mixture.means[component]) / mixture.scales[component]
        own = resp[:, component]
        sums[component] = own @ whitened
        cross[component] = (scores[component] * own[:, None]).T @ whitened
        squares[component] = own @ np.square(whitened, out=whitened)
    return float(totals.sum()), resp.sum(axis=0), sums, squares, cross


@dataclass(frozen=True, eq=False)
class FactorLogPosterior:
    """The function of ``log_posterior.py``, for complete rows of many features.

    Attributes
    ----------
    X : Rows
    mixture_prior : MixturePrior
    covariances : FactorMap
    """

    X: Rows
    mixture_prior: MixturePrior
    covariances: FactorMap

    @cached_property
    def prior(self) -> MixturePrior:
        """The prior as kernels take it."""
        return self.mixture_prior.as_compiled()

    def __call__(self, position: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the log density and its gradient at one position."""
        covariances, prior, layout = self.covariances, self.prior, Layout(self.covariances)
        ratios, means, coordinates = np.split(position, layout.boundaries)
        logits = np.append(ratios, -ratios.sum())
        log_weights = logits - logsumexp(logits)
        means = means.reshape(covariances.n_components, -1)
        log_scales, signals = covariances.split(coordinates)
        mixture = Analyzers.made(
            np.exp(log_weights), means, covariances.all_scales(np.exp(log_scales)),
            covariances.all_matrices(signals),
        )  # fmt: skip
        found = factor_statistics(self.X, mixture)
        counts = found.counts + prior.concentration
        away = means - prior.loc
        value = found.log_likelihood + prior.constant + float(prior.concentration @ log_weights)
        value -= 0.5 * float(np.sum(prior.precision * away**2))
        of_ratios = counts - counts.sum() * np.exp(log_weights)
        through = mixture.regression
        pulled = np.einsum(
            "kqd,kq->kd", mixture.signals, np.einsum("kqd,kd->kq", through, found.sums)
        )
        of_means = (found.sums - pulled) / mixture.scales - prior.precision * away
        of_signals = found.cross - found.products(mixture) @ mixture.signals
        of_all = found.squares - found.counts[:, None]
        of_all -= np.einsum("kqd,kqd->kd", mixture.signals, found.cross)
        of_scales = covariances.pooled(of_all)
        of_scales = of_scales.sum(1, keepdims=True) if covariances.one_scale else of_scales
        of_signals = covariances.pooled(of_signals)
        value += float(log_prior_of_factors(log_scales, signals, prior.covariances).sum())
        value += float(log_scales.sum())  # the Jacobian of the logarithms
        of_scales = of_scales + 1.0 + slopes_of_scales(log_scales, prior.covariances)
        of_signals = of_signals - pulls(signals, prior.covariances)[..., None] * signals
        gradient = [of_ratios[:-1] - of_ratios[-1], of_means, of_scales, of_signals]
        return value, np.concatenate([np.ravel(part) for part in gradient])


def log_prior_of_factors(
    log_scales: Float[np.ndarray, "*batch m s"],
    signals: Float[np.ndarray, "*batch m q d"],
    prior: CovariancePrior,
) -> Float[np.ndarray, "*batch m"]:
    """Return the log prior density of the scales and A of every matrix."""
    precisions = np.exp(-2.0 * log_scales)
    value = scale_terms(log_scales, prior.terms)[0].sum(axis=-1)
    value -= np.sum((prior.floor**2 * precisions) ** 4, axis=-1)
    if prior.beta > 0:
        value -= prior.beta * np.log(precisions + prior.rate).sum(axis=-1)
    rates = prior.signal_rate + 0.5 * np.sum(signals**2, axis=-1)
    return value - (prior.signal_shape + 0.5 * signals.shape[-1]) * np.log(rates).sum(axis=-1)


def slopes_of_scales(
    log_scales: Float[np.ndarray, "m s"], prior: CovariancePrior
) -> Float[np.ndarray, "m s"]:
    """Return the derivative of the log prior in the logarithms of the scales."""
    precisions = np.exp(-2.0 * log_scales)
    slopes = scale_terms(log_scales, prior.terms)[1] + 8.0 * (prior.floor**2 * precisions) ** 4
    if prior.beta > 0:
        slopes += 2.0 * prior.beta * precisions / (precisions + prior.rate)
    return slopes


def pulls(
    signals: Float[np.ndarray, "*batch q d"], prior: CovariancePrior
) -> Float[np.ndarray, "*batch q"]:
    """Return the precision of the normal prior of a column of A, averaged given the column."""
    shape = prior.signal_shape + 0.5 * signals.shape[-1]
    return shape / (prior.signal_rate + 0.5 * np.sum(signals**2, axis=-1))


def first_factors(
    rows: Float[np.ndarray, "n d"], n_factors: int
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "q d"]]:
    """Return scales and A, transposed, by the principal components of centered, weighted rows.

    ``rows`` are such that their products are a covariance matrix. Where uniquenesses are equal,
    these are those of maximum likelihood (Tipping & Bishop, 1999).
    """
    deviations = np.sqrt(np.sum(rows**2, axis=0))
    deviations = np.where(deviations > 0, deviations, np.max(deviations, initial=0.0))
    deviations = np.where(deviations > 0, deviations, 1.0)
    standard = rows / deviations
    small = (
        standard @ standard.T if standard.shape[0] < standard.shape[1] else standard.T @ standard
    )
    values, vectors = np.linalg.eigh(small)
    values, vectors = np.maximum(values[::-1][:n_factors], 0.0), vectors[:, ::-1][:, :n_factors]
    if standard.shape[0] < standard.shape[1]:
        with np.errstate(divide="ignore", invalid="ignore"):
            vectors = np.nan_to_num(standard.T @ vectors / np.sqrt(values), posinf=0.0, neginf=0.0)
    n_left = max(1, standard.shape[1] - n_factors)
    least = _LEAST_NOISE if standard.shape[0] < standard.shape[1] else _ROUNDING
    noise = max(least, (float(np.sum(standard**2)) - values.sum()) / n_left)
    found = np.zeros((n_factors, standard.shape[1]))
    found[: values.size] = np.sqrt(np.maximum(values / noise - 1.0, 0.0))[:, None] * vectors.T
    sizes = 1.0 + np.sum(found**2, axis=0)
    return deviations / np.sqrt(sizes), found


_LEAST_NOISE = 1e-3  # of the variance of a feature, where the principal components are all of it
_ROUNDING = 1e-12  # of the variance of a feature

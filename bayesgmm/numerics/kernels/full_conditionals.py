"""Draws from the full conditionals of a mixture, given allocations: the steps of a Gibbs sweep.

The full conditionals of weights and means are conjugate, and so is that of a covariance matrix
under an inverse-Wishart prior. Other covariance matrices are updated by Metropolis-Hastings. The
proposal is inverse-Wishart, or scaled inverse chi-square without correlations, so that the
likelihood cancels and a ratio of priors remains (Hastings, 1970; independence chains of Tierney,
1994). With LKJ correlations the proposal is proportional to the likelihood alone.

Under a scale mixture of inverse-Wishart distributions psi_j is drawn first, from its Gamma
distribution with shape beta and rate ((Sigma^-1)_jj + rate_j) / 2 (Huang & Wand, 2013). Given psi,
which is added to the diagonal of the scatter, the full conditional is inverse-Wishart apart from
the floor. The same code is used for all priors: with their prior rows and degrees of freedom,
proposals of this family equal the full conditional, and the ratio is one.

If the proposal is improper, or too many were rejected in the warm-up, the update is one of
``covariance_moves.py``; see ``Moves``.

``prior`` is a ``CovariancePrior``; count and scatter include its prior rows.

References
----------
Hastings, W. K. (1970). Monte Carlo sampling methods using Markov chains and their applications.
Biometrika 57, 97-109.
Huang, A. and Wand, M. P. (2013). Simple marginally noninformative prior distributions for
covariance matrices. Bayesian Analysis 8, 439-452.
Tierney, L. (1994). Markov chains for exploring posterior distributions. Annals of Statistics 22,
1701-1728.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariance_moves import (
    MOST_STEPS,
    SLICE_WIDTH,
    copy,
    hamiltonian_covariance,
    slice_covariance,
)
from bayesgmm.numerics.kernels.covariances import (
    correlation_factor,
    log_determinant_of,
    lone_scale_prior,
    partial_precisions,
    precision_factor_of,
    scale_prior,
    write_coordinates,
)
from bayesgmm.numerics.kernels.triangular import cholesky, inverse

PROPOSED, HAMILTONIAN, SLICED = 0, 1, 2
_ROWS_FOR_HAMILTONIAN = 2.0  # for every feature: with fewer, the scatter matrix is a poor scale
_NO_WALL = 0.01  # its fourth power, the change of the log density by the floor, is 1e-8


class Moves(NamedTuple):
    """How each covariance matrix is updated; without correlations, each scale.

    Attributes
    ----------
    kinds : array of int, shape (m, s)
        ``PROPOSED`` as a whole, ``HAMILTONIAN`` (matrices with correlations only), or ``SLICED``.
    step_sizes : array, shape (m, s)
        Of Hamiltonian Monte Carlo, in standard deviations.
    tried, accepted : array, shape (m, s)
        Number of proposals, and of those accepted; slice sampling makes none.
    """

    kinds: np.ndarray
    step_sizes: np.ndarray
    tried: np.ndarray
    accepted: np.ndarray


@compiled_exactly
def draw_log_weights(counts, concentration, rng, log_weights):
    """Draw from Dirichlet(concentration + counts), on the log scale."""
    total = 0.0
    for component in range(counts.shape[0]):
        shape = concentration[component] + counts[component]
        # log Gamma(a) = log Gamma(a + 1) + log(U) / a does not underflow for small shapes.
        value = math.log(rng.standard_gamma(shape + 1.0)) - rng.standard_exponential() / shape
        log_weights[component] = value
    largest = log_weights.max()
    for component in range(counts.shape[0]):
        total += math.exp(log_weights[component] - largest)
    log_weights -= largest + math.log(total)


@compiled_exactly
def draw_mean_shift(count, total, mean, factor, loc, precision, rng):
    """Draw mu - mean, with precision N Sigma^-1 + T and Sigma^-1 = factor' factor.

    Without correlations features are independent, and the factor (d,) is one over the scales.
    """
    if factor.ndim == 1:
        shift = np.empty(mean.shape[0])
        for i in range(mean.shape[0]):
            squared = factor[i] * factor[i]
            together = count * squared + precision[i]
            center = (squared * total[i] + precision[i] * (loc[i] - mean[i])) / together
            shift[i] = center + rng.standard_normal() / math.sqrt(together)
        return shift
    size = mean.shape[0]
    matrix, target = np.zeros((size, size)), np.zeros(size)
    for i in range(size):
        whitened = 0.0
        for j in range(i + 1):
            whitened += factor[i, j] * total[j]
        for j in range(i + 1):
            target[j] += factor[i, j] * whitened
            for m in range(i + 1):
                matrix[j, m] += count * factor[i, j] * factor[i, m]
    for i in range(size):
        matrix[i, i] += precision[i]
        target[i] += precision[i] * (loc[i] - mean[i])
    root = cholesky(matrix)
    # Forward substitution, noise in between, then backward substitution.
    for i in range(size):
        for j in range(i):
            target[i] -= root[i, j] * target[j]
        target[i] /= root[i, i]
    for i in range(size):
        target[i] += rng.standard_normal()
    for i in range(size - 1, -1, -1):
        for j in range(i + 1, size):
            target[i] -= root[j, i] * target[j]
        target[i] /= root[i, i]
    return target


@compiled_exactly
def draw_inverse_wishart(freedom, root, rng):
    """Draw from the inverse-Wishart distribution with scale root root' (Bartlett, 1933)."""
    size = root.shape[0]
    triangle = np.zeros((size, size))
    for i in range(size):
        for j in range(i):
            triangle[i, j] = rng.standard_normal()
        triangle[i, i] = math.sqrt(rng.chisquare(freedom - i))
    back = inverse(triangle)
    product = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            for m in range(min(i + 1, size)):
                product[i, j] += root[i, m] * back[j, m] if m <= j else 0.0
    matrix = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            for m in range(size):
                matrix[i, j] += product[i, m] * product[j, m]
            matrix[j, i] = matrix[i, j]
    return matrix


@compiled_exactly
def _log_target_over_proposal(log_scales, pairs, prior, count, freedom):
    """Return the log ratio of target to proposal over scales and correlations, up to a constant.

    The target, given psi, is |Sigma|^(-count/2) exp(-tr(Sigma^-1 (scatter + psi))/2) p(scales)
    |R|^(eta-1), times the factor of the floor. The proposal has the same exponential, the power
    -(freedom + d + 1)/2 of |Sigma|, and the Jacobian prod_i sigma_i^d.
    """
    size = log_scales.shape[0]
    log_root = log_determinant_of(pairs, size)
    excess = freedom + size + 1.0 - count
    value = (2.0 * (prior.eta - 1.0) + excess) * log_root
    for i in range(size):
        value += scale_prior(prior.terms[i], log_scales[i])[0]
        value += (excess - size) * log_scales[i]
    return value - _wall(log_scales, pairs, prior, log_root)


@compiled_exactly
def _wall(log_scales, pairs, prior, log_root):
    """Return minus the term of the floor in the log density, or zero where it is below 1e-8.

    (Sigma^-1)_jj is at most 1 / (sigma_j^2 |R|), by Hadamard's inequality.
    """
    is_near = False
    for i in range(log_scales.shape[0]):
        is_near |= prior.floor[i] ** 2 * math.exp(-2.0 * (log_scales[i] + log_root)) > _NO_WALL
    if not is_near:
        return 0.0
    precisions, total = _precisions(log_scales, pairs), 0.0
    for i in range(log_scales.shape[0]):
        total += (prior.floor[i] ** 2 * precisions[i]) ** 4
    return total


@compiled_exactly
def _precisions(log_scales, pairs):
    """Return the diagonal of Sigma^-1."""
    factor = correlation_factor(pairs, log_scales.shape[0])
    return partial_precisions(precision_factor_of(log_scales, inverse(factor)))


@compiled_exactly
def _with_mixing_scatter(scatter, log_scales, pairs, prior, rng):
    """Draw psi given Sigma, and return scatter + diag(psi); see the top of this file."""
    together = scatter.copy()
    if prior.beta > 0.0:
        precisions = _precisions(log_scales, pairs)
        for j in range(log_scales.shape[0]):
            together[j, j] += _mixing_scatter(precisions[j], prior, j, rng)
    return together


@compiled_exactly
def _mixing_scatter(precision, prior, place, rng):
    """Draw one psi_j."""
    return 2.0 * rng.standard_gamma(prior.beta) / (precision + prior.rate[place])


@compiled_exactly
def draw_covariance(count, scatter, prior, kind, step_size, rng, log_scales, pairs):
    """Draw one covariance matrix in place; return its acceptance, NaN for slice sampling."""
    size = scatter.shape[0]
    freedom = count - prior.count + prior.freedom
    if kind == HAMILTONIAN and count >= _ROWS_FOR_HAMILTONIAN * size:
        acceptance = hamiltonian_covariance(
            count, scatter, prior, step_size, rng, log_scales, pairs
        )
        if not math.isnan(acceptance):
            return acceptance
    if kind != PROPOSED or freedom <= size:
        slice_covariance(count, scatter, prior, rng, log_scales, pairs)
        return np.nan
    root = cholesky(_with_mixing_scatter(scatter, log_scales, pairs, prior, rng))
    if not np.isfinite(root).all():
        slice_covariance(count, scatter, prior, rng, log_scales, pairs)
        return np.nan
    proposal, coordinates = np.empty(size), np.empty(pairs.shape[0])
    matrix = draw_inverse_wishart(freedom, root, rng)
    threshold = math.log(rng.random())
    if not write_coordinates(matrix, proposal, coordinates):
        return 0.0
    ratio = _log_target_over_proposal(proposal, coordinates, prior, count, freedom)
    ratio -= _log_target_over_proposal(log_scales, pairs, prior, count, freedom)
    if not threshold < ratio:
        return 0.0
    copy(proposal, log_scales)
    copy(coordinates, pairs)
    return 1.0


@compiled_exactly
def _log_scale_conditional(log_scale, count, scatter, prior, place):
    """Return the log density of u = log(sigma), with its Jacobian."""
    of_prior = lone_scale_prior(prior, place, log_scale)[0]
    return of_prior + (1.0 - count) * log_scale - 0.5 * scatter * math.exp(-2.0 * log_scale)


@compiled_exactly
def draw_log_scale(count, scatter, prior, kind, rng, log_scales, place):
    """Draw one log scale in place; return its acceptance, NaN for slice sampling."""
    here, freedom = log_scales[place], count - prior.count + prior.freedom
    if kind != PROPOSED or freedom <= 1.0:
        log_scales[place] = _slice_log_scale(here, count, scatter, prior, place, rng)
        return np.nan
    together = scatter
    if prior.beta > 0.0:
        together += _mixing_scatter(math.exp(-2.0 * here), prior, place, rng)
    if not together > 0.0:
        log_scales[place] = _slice_log_scale(here, count, scatter, prior, place, rng)
        return np.nan
    proposal = 0.5 * math.log(together / rng.chisquare(freedom))
    ratio = _scale_prior_given_mixing(prior, place, proposal)
    ratio -= _scale_prior_given_mixing(prior, place, here)
    ratio += (freedom + 1.0 - count) * (proposal - here)
    if not math.log(rng.random()) < ratio:
        return 0.0
    log_scales[place] = proposal
    return 1.0


@compiled_exactly
def _scale_prior_given_mixing(prior, place, log_scale):
    """Return the log prior of a scale given psi, without the scatter that psi adds."""
    wall = (prior.floor[place] * math.exp(-log_scale)) ** 8
    return scale_prior(prior.terms[place], log_scale)[0] - wall


@compiled_exactly
def _slice_log_scale(here, count, scatter, prior, place, rng):
    level = _log_scale_conditional(here, count, scatter, prior, place)
    level -= rng.standard_exponential()
    low = here - SLICE_WIDTH * rng.random()
    high = low + SLICE_WIDTH
    for _ in range(MOST_STEPS):
        if not _log_scale_conditional(low, count, scatter, prior, place) > level:
            break
        low -= SLICE_WIDTH
    for _ in range(MOST_STEPS):
        if not _log_scale_conditional(high, count, scatter, prior, place) > level:
            break
        high += SLICE_WIDTH
    while True:
        proposal = low + (high - low) * rng.random()
        if _log_scale_conditional(proposal, count, scatter, prior, place) >= level:
            return proposal
        if proposal < here:
            low = proposal
        else:
            high = proposal

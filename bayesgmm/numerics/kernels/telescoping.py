"""Sweeps of the telescoping sampler: Gibbs sampling with an unknown number of components.

One sweep (Fruehwirth-Schnatter, Malsiner-Walli & Gruen, 2021) draws the allocations of the rows;
splits or merges clusters (``splits.py``); draws the parameters of filled components, and the
hyperparameters given these; then the number of components K given the partition, with empty
components, K - K+ of them, integrated out; alpha; and last the empty components from their prior,
and all weights.

Components that labels name come first, and count as filled, with or without rows.

Empty components are drawn from a ``Pool`` of draws from the prior, made beforehand, because priors
have no compiled draws. Under a hyperprior these are in units of its hyperparameter.

References
----------
Fruehwirth-Schnatter, S., Malsiner-Walli, G. and Gruen, B. (2021). Generalized mixtures of finite
mixtures and telescoping sampling. Bayesian Analysis 16, 1279-1307.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bayesgmm.numerics.kernels.allocations import allocations, pattern_allocations
from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariances import (
    correlation_factor,
    precision_factor_of,
    write_coordinates,
)
from bayesgmm.numerics.kernels.full_conditionals import Moves, draw_log_weights
from bayesgmm.numerics.kernels.log_posterior import State, state_at
from bayesgmm.numerics.kernels.partition_prior import log_partition, write_log_partitions
from bayesgmm.numerics.kernels.positions import parts, write_ratios
from bayesgmm.numerics.kernels.splits import Clusters, move_row, split_or_merge
from bayesgmm.numerics.kernels.sweeps import draw_parameters
from bayesgmm.numerics.kernels.triangular import cholesky, congruence, inverse
from bayesgmm.numerics.mixture_prior import MixturePrior

FIXED, GAMMA, WISHART = 0, 1, 2
_MOST_NEW = 8  # clusters in one sweep
_ALPHA_STEP = 2.5  # of a random walk of log(alpha), as the authors recommend for F(6, 3)


class Hyperprior(NamedTuple):
    """The prior of the scale of inverse gamma or inverse-Wishart distributions.

    Attributes
    ----------
    kind : int
        ``FIXED`` where there is none, ``GAMMA`` or ``WISHART``.
    shape, rate : array, shape (s,)
        Of the gamma distributions.
    freedom : float
        Of the Wishart distribution.
    precision : array, shape (d, d)
        The inverse of its scale matrix.
    constant : float
        Log normalizer of the inverse-Wishart distribution of the identity, with its Jacobian.
    """

    kind: int
    shape: np.ndarray
    rate: np.ndarray
    freedom: float
    precision: np.ndarray
    constant: float


class Pool(NamedTuple):
    """Covariance matrices drawn from the prior, in the coordinates of ``covariances.py``.

    Attributes
    ----------
    log_scales : array, shape (m, s)
    pairs : array, shape (m, p)
    matrices : array, shape (m, d, d) or (0, d, d)
        The matrices themselves, where there is a Wishart hyperprior.
    """

    log_scales: np.ndarray
    pairs: np.ndarray
    matrices: np.ndarray


@compiled_exactly
def _draw_number(counts, n_filled, alpha, number, rng, values):
    """Draw K given the partition."""
    log_total = write_log_partitions(counts, n_filled, alpha, number, values)
    level, below, last = rng.random(), 0.0, n_filled
    for place in range(values.shape[0]):
        mass = math.exp(values[place] - log_total)
        below += mass
        if mass > 0.0:
            last = place + 1
        if level < below:
            return place + 1
    return last


@compiled_exactly
def _log_prior_of_alpha(alpha):
    """Return the log density of F(6, 3), up to a constant."""
    return 2.0 * math.log(alpha) - 4.5 * math.log(1.0 + 2.0 * alpha)


@compiled_exactly
def _draw_alpha(counts, n_filled, n_components, alpha, number, rng):
    """Move alpha by a random walk of its logarithm."""
    proposal = alpha * math.exp(_ALPHA_STEP * rng.standard_normal())
    ratio = _log_prior_of_alpha(proposal) - _log_prior_of_alpha(alpha)
    ratio += math.log(proposal / alpha)
    ratio += log_partition(counts, n_filled, n_components, proposal, number)
    ratio -= log_partition(counts, n_filled, n_components, alpha, number)
    return proposal if math.log(rng.random()) < ratio else alpha


@compiled_exactly
def _draw_scales_of_prior(log_scales, n_matrices, prior, hyper, rng):
    """Draw the scales b of inverse gamma distributions given standard deviations.

    p(sigma) is b^a / Gamma(a) sigma^(-a - 1) exp(-b / sigma), so that b is gamma distributed.
    """
    for scale in range(log_scales.shape[1]):
        shape = -prior.terms[scale, 1] - 1.0
        rate = hyper.rate[scale]
        for matrix in range(n_matrices):
            rate += math.exp(-log_scales[matrix, scale])
        value = rng.standard_gamma(hyper.shape[scale] + n_matrices * shape) / rate
        prior.terms[scale, 2] = value
        prior.terms[scale, 0] = shape * math.log(value) - math.lgamma(shape)


@compiled_exactly
def _draw_scale_matrix(log_scales, pairs, n_matrices, prior, hyper, rng):
    """Draw the scale matrix Psi of inverse-Wishart distributions given covariance matrices.

    Psi is Wishart distributed with inverse scale matrix A, the sum of their inverses and that of
    the hyperprior: L^-T B B' L^-1 with A = L L' and the triangle B of Bartlett (1933).
    """
    size = log_scales.shape[1]
    together = hyper.precision.copy()
    for matrix in range(n_matrices):
        factor = precision_factor_of(
            log_scales[matrix], inverse(correlation_factor(pairs[matrix], size))
        )
        for i in range(size):
            for j in range(size):
                for m in range(max(i, j), size):
                    together[i, j] += factor[m, i] * factor[m, j]
    back = inverse(cholesky(together))
    freedom = hyper.freedom + n_matrices * prior.freedom
    triangle, root = np.zeros((size, size)), np.zeros((size, size))
    for i in range(size):
        for j in range(i):
            triangle[i, j] = rng.standard_normal()
        triangle[i, i] = math.sqrt(rng.chisquare(freedom - i))
    for i in range(size):
        for j in range(size):
            for m in range(max(i, j), size):
                root[i, j] += back[m, i] * triangle[m, j]
    for i in range(size):
        for j in range(size):
            prior.scatter[i, j] = 0.0
            for m in range(size):
                prior.scatter[i, j] += root[i, m] * root[j, m]
    write_constant_of_scale_matrix(prior, hyper)


@compiled_exactly
def write_constant_of_scale_matrix(prior, hyper):
    """Write the log normalizer of the inverse-Wishart distribution, shared by the scales."""
    size = prior.scatter.shape[0]
    root, value = cholesky(prior.scatter), hyper.constant
    for i in range(size):
        value += prior.freedom * math.log(root[i, i])
    for i in range(size):
        prior.terms[i, 0] = value / size


@compiled_exactly
def _draw_empty_covariance(pool, place, prior, hyper, log_scales, pairs):
    """Take one covariance matrix from the pool."""
    if hyper.kind == WISHART:
        matrix = congruence(cholesky(prior.scatter), pool.matrices[place])
        write_coordinates(matrix, log_scales, pairs)
        return
    for scale in range(log_scales.shape[0]):
        log_scales[scale] = pool.log_scales[place, scale]
        if hyper.kind == GAMMA:
            log_scales[scale] += math.log(prior.terms[scale, 2])
    for pair in range(pairs.shape[0]):
        pairs[pair] = pool.pairs[place, pair]


@compiled_exactly
def _prior_of(prior, concentration, n_components, is_tied):
    """Return the prior of so many components."""
    return MixturePrior(
        0.0, concentration[:n_components], prior.loc[:n_components],
        prior.precision[:n_components], 1 if is_tied else n_components, prior.covariances,
    )  # fmt: skip


@compiled_exactly
def _size(n_components, n_features, is_tied, n_scales, n_pairs):
    """Return the length of the position of so many components."""
    n_matrices = 1 if is_tied else n_components
    return n_components * (1 + n_features) - 1 + n_matrices * (n_scales + n_pairs)


@compiled_exactly
def _in_order(counts, n_named, order):
    """Write named components, then the others that have rows; return how many."""
    n_filled = 0
    for component in range(counts.shape[0]):
        if component < n_named or counts[component] > 0.0:
            order[n_filled] = component
            n_filled += 1
    return n_filled


@compiled_exactly
def telescope(
    position, numbers, rows, label_log_likelihoods, prior, number, hyper, pool, first_of_pool,
    moves, room, typical, log_normalizer, levels, n_tries, can_split, split_rate, tried, rng, seeds,
    positions, found, log_likelihoods, hyperparameters,
):  # fmt: skip
    """Run one sweep for each seed, and return how many, as the pool may not last.

    ``position`` has room for K_max components and is updated, as ``numbers`` are: K and alpha; and
    the coefficients in ``prior``, where there is a hyperprior. ``room`` is an array for the
    precision factors of K_max components. ``n_tries`` times a sweep a cluster of one row is made or
    removed, and with probability ``split_rate`` one is split or two are merged. Writes the position
    after each sweep, ``found`` (K, K+, alpha), and the log-likelihood before it. Returns also how
    much of the pool was used.
    """
    most, d = prior.loc.shape
    n_scales, n_pairs = pool.log_scales.shape[1], pool.pairs.shape[1]
    is_tied = prior.n_matrices == 1 and most > 1
    concentration, values = np.empty(most), np.empty(most)
    order, place_of = np.empty(most, np.int64), np.empty(most, np.int64)
    n_rows = rows[0].shape[0]
    chosen = np.zeros(n_rows if n_tries > 0 else 0, np.int64)
    new_scales, new_pairs = np.empty(n_scales), np.empty(n_pairs)
    counts_of_all, log_weights = np.empty(most), np.empty(most)
    used = first_of_pool
    for sweep in range(seeds.shape[0]):
        if pool.log_scales.shape[0] - used < most + n_tries:
            return sweep, used
        n_components, alpha = int(numbers[0]), numbers[1]
        size = _size(n_components, d, is_tied, n_scales, n_pairs)
        here = _prior_of(prior, concentration, n_components, is_tied)
        factors = room[:n_components]
        state = State(*state_at(position[:size].copy(), here, factors))
        if len(rows) == 1:
            log_likelihood, counts, sums, scatter = allocations(
                rows[0], label_log_likelihoods, 0, state.constants, state.means, factors,
                seeds[sweep], chosen,
            )  # fmt: skip
        else:
            log_likelihood, counts, sums, scatter = pattern_allocations(
                rows, label_log_likelihoods, 0, state.constants, state.means, factors, seeds[sweep]
            )
        log_likelihoods[sweep] = log_likelihood
        n_filled = _in_order(counts, number.n_named, order)
        # More than there are, as clusters may be split.
        capacity = min(n_filled + _MOST_NEW, most)
        clusters = Clusters(
            np.zeros(capacity), np.zeros((capacity, d)), np.zeros((capacity, *scatter.shape[1:])),
            np.zeros((capacity, *factors.shape[1:])), np.zeros((capacity, d)),
            np.zeros((1 if is_tied else capacity, n_scales)),
            np.zeros((1 if is_tied else capacity, n_pairs)),
        )  # fmt: skip
        _fill(clusters, order, n_filled, counts, sums, scatter, factors, state, is_tied)
        if len(rows) == 1:  # noqa: SIM102 - numba leaves out what this alone excludes
            if chosen.shape[0] > 0:
                for place in range(n_filled):
                    place_of[order[place]] = place
                for row in range(n_rows):
                    chosen[row] = place_of[chosen[row]]
                each = alpha / n_components if number.is_dynamic else alpha
                for _ in range(n_tries):
                    if is_tied:
                        new_scales[:], new_pairs[:] = clusters.log_scales[0], clusters.pairs[0]
                    else:
                        _draw_empty_covariance(
                            pool, used, prior.covariances, hyper, new_scales, new_pairs
                        )
                        used += 1
                    n_filled = move_row(
                        rows[0], label_log_likelihoods, chosen, clusters, n_filled, n_components,
                        each, number.n_named, prior.covariances, prior.loc[0],
                        prior.precision[0], typical, log_normalizer, levels, can_split,
                        new_scales, new_pairs, values, rng,
                    )  # fmt: skip
                if can_split and rng.random() < split_rate:
                    n_filled = split_or_merge(
                        rows[0], chosen, clusters, n_filled, alpha, number, prior.covariances,
                        prior.loc[0], prior.precision[0], typical, log_normalizer, values, tried,
                        rng,
                    )  # fmt: skip
        size = _size(n_filled, d, is_tied, n_scales, n_pairs)
        filled = _prior_of(prior, np.ones(most), n_filled, is_tied)
        _pack(clusters, n_filled, position[:size], is_tied)
        n_matrices = 1 if is_tied else n_filled
        draw_parameters(
            position[:size], clusters.factors[:n_filled], clusters.counts[:n_filled],
            clusters.sums[:n_filled], clusters.scatter[:n_filled], filled,
            Moves(
                moves.kinds[:n_matrices], moves.step_sizes[:n_matrices],
                moves.tried[:n_matrices], moves.accepted[:n_matrices],
            ), rng,
        )  # fmt: skip
        _, means, log_scales, pairs = parts(position[:size], n_filled, d, n_matrices, n_scales)
        means, log_scales, pairs = means.copy(), log_scales.copy(), pairs.copy()
        if hyper.kind == GAMMA:
            _draw_scales_of_prior(log_scales, n_matrices, prior.covariances, hyper, rng)
        elif hyper.kind == WISHART:
            _draw_scale_matrix(log_scales, pairs, n_matrices, prior.covariances, hyper, rng)
        n_components = _draw_number(clusters.counts, n_filled, alpha, number, rng, values)
        if number.infers_alpha:
            alpha = _draw_alpha(clusters.counts, n_filled, n_components, alpha, number, rng)
        # All components: those that are filled, then empty ones.
        size = _size(n_components, d, is_tied, n_scales, n_pairs)
        ratios, all_means, all_log_scales, all_pairs = parts(
            position[:size], n_components, d, 1 if is_tied else n_components, n_scales
        )
        each = alpha / n_components if number.is_dynamic else alpha
        for component in range(n_components):
            concentration[component] = each
            counts_of_all[component] = clusters.counts[component] if component < n_filled else 0.0
            for feature in range(d):
                if component < n_filled:
                    all_means[component, feature] = means[component, feature]
                else:
                    all_means[component, feature] = prior.loc[
                        component, feature
                    ] + rng.standard_normal() / math.sqrt(prior.precision[component, feature])
        for matrix in range(all_log_scales.shape[0]):
            if matrix < n_matrices:
                all_log_scales[matrix, :] = log_scales[matrix]
                all_pairs[matrix, :] = pairs[matrix]
            else:
                _draw_empty_covariance(
                    pool, used, prior.covariances, hyper, all_log_scales[matrix], all_pairs[matrix]
                )
                used += 1
        draw_log_weights(
            counts_of_all[:n_components], concentration[:n_components], rng,
            log_weights[:n_components],
        )  # fmt: skip
        write_ratios(log_weights[:n_components], ratios)
        numbers[0], numbers[1] = n_components, alpha
        found[sweep, 0], found[sweep, 1], found[sweep, 2] = n_components, n_filled, alpha
        for place in range(size):
            positions[sweep, place] = position[place]
        _write_hyperparameters(prior.covariances, hyper, hyperparameters[sweep])
    return seeds.shape[0], used


@compiled_exactly
def _write_hyperparameters(prior, hyper, values):
    """Write the scales of an inverse gamma, or the diagonal of a scale matrix."""
    for place in range(values.shape[0]):
        if hyper.kind == GAMMA:
            values[place] = prior.terms[place, 2]
        else:
            values[place] = prior.scatter[place, place]


@compiled_exactly
def _fill(clusters, order, n_filled, counts, sums, scatter, factors, state, is_tied):
    """Copy what is known of filled components, in order."""
    for place in range(n_filled):
        component = order[place]
        matrix = 0 if is_tied else component
        clusters.counts[place] = counts[component]
        clusters.sums[place] = sums[component]
        clusters.scatter[place] = scatter[component]
        clusters.factors[place] = factors[component]
        clusters.means[place] = state.means[component]
        if place == 0 or not is_tied:
            clusters.log_scales[place] = state.log_scales[matrix]
            clusters.pairs[place] = state.pairs[matrix]


@compiled_exactly
def _pack(clusters, n_filled, position, is_tied):
    """Write the position of the clusters; weights are left out."""
    n_scales, d = clusters.log_scales.shape[1], clusters.means.shape[1]
    n_matrices = 1 if is_tied else n_filled
    _, means, log_scales, pairs = parts(position, n_filled, d, n_matrices, n_scales)
    for place in range(n_filled):
        for feature in range(d):
            means[place, feature] = clusters.means[place, feature]
    for place in range(n_matrices):
        for scale in range(n_scales):
            log_scales[place, scale] = clusters.log_scales[place, scale]
        for pair in range(pairs.shape[1]):
            pairs[place, pair] = clusters.pairs[place, pair]

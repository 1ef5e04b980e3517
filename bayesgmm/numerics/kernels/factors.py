"""One factor-analytic covariance matrix, as a function of unconstrained coordinates.

Sigma = D (I + A A') D, with D = diag(exp(u)) and A (d, q): the uniquenesses are exp(2 u), the
loadings are D A. Coordinates are u, and the columns of A one after the other: ``loadings`` (q, d)
in code. C is the Cholesky factor of I + A A'; it takes the place of that of a correlation matrix in
``log_posterior.py``.

Given allocations, the scores z of the factors are drawn without a pass over the rows. With S the
scatter of the rows over D, V = I + A'A and beta = V^-1 A', the scores are Z = Y beta' + E V^(-1/2)
with E standard normal, and only Z'Y and Z'Z are needed. E'Y = G R' with S = R R' and G (q, r)
standard normal, r the rank of S; and E'E = G G' plus a Wishart matrix with n - r degrees of
freedom. Given these, the loadings of every feature are the coefficients of a regression on the
scores, with a conjugate prior (Geweke & Zhou, 1996), and are integrated out where the uniqueness is
drawn.

With many features the scores are almost known, and have the scale of the old loadings. Loadings
also move therefore within the span of their columns with the scores integrated out, by slice
sampling along subgroups of linear maps (generalized Gibbs sampling; Liu & Sabatti, 2000): a column
is stretched, or moved along another one. The densities depend on A'A and A'SA only, q by q
matrices.

References
----------
Liu, J. S. and Sabatti, C. (2000). Generalised Gibbs sampler and multigrid Monte Carlo for Bayesian
computation. Biometrika 87, 353-369.

Geweke, J. and Zhou, G. (1996). Measuring the pricing error of the arbitrage pricing theory. Review
of Financial Studies 9, 557-587.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariance_moves import MOST_STEPS
from bayesgmm.numerics.kernels.covariances import (
    floor_scatter,
    mixing_scatter,
    partial_prior,
)
from bayesgmm.numerics.kernels.full_conditionals import draw_log_scale
from bayesgmm.numerics.kernels.triangular import (
    cholesky,
    congruence,
    inverse,
    transposed_congruence,
)

_RANK = 1e-10  # of the scatter: pivots below this share of their diagonal are rounding errors
_SPAN_WIDTH = 2.0  # of slices, in standard deviations of a logarithm given so many rows, about
_TURNS = 5  # of scores and loadings in a sweep
_LEAST_RESIDUAL = 1e-14  # of the squares of a feature, beside all: less is a rounding error


@compiled_exactly
def factor_root(loadings):
    """Return the Cholesky factor C of I + A A'."""
    n_factors, size = loadings.shape
    matrix = np.zeros((size, size))
    for i in range(size):
        for factor in range(n_factors):
            here = loadings[factor, i]
            for j in range(i + 1):
                matrix[i, j] += here * loadings[factor, j]
        matrix[i, i] += 1.0
    return cholesky(matrix)


@compiled_exactly
def factor_prior(log_scales, loadings, prior):
    """Return the log prior of A, and the terms of the scale mixture and the floor."""
    size = loadings.shape[1]
    value = partial_prior(np.exp(-2.0 * log_scales), prior)
    for factor in range(loadings.shape[0]):
        square = 0.0
        for i in range(size):
            square += loadings[factor, i] ** 2
        value -= (prior.signal_shape + 0.5 * size) * math.log(prior.signal_rate + 0.5 * square)
    return value


@compiled_exactly
def write_factor_gradient(
    count, scatter, precision_factor, root_inverse, log_scales, loadings, prior,
    of_scales, of_loadings,
):  # fmt: skip
    """Write the gradient in u and A of the expected log-likelihood and ``factor_prior``.

    With C^-1 =: V and the whitened scatter M, T = V' (M - count I) V is twice the gradient in
    I + A A'. The gradient in A is T A, and that in u_j is (T (I + A A'))_jj.
    """
    (n_factors, size), n_scales = loadings.shape, log_scales.shape[0]
    excess = congruence(precision_factor, scatter)
    for i in range(size):
        excess[i, i] -= count
    twice_gradient = transposed_congruence(root_inverse, excess)
    for scale in range(n_scales):
        precision = math.exp(-2.0 * log_scales[scale])
        of_scales[scale] = precision * (
            mixing_scatter(precision, prior, scale) + floor_scatter(precision, prior, scale)
        )
    for i in range(size):
        of_scales[i % n_scales] += twice_gradient[i, i]
    for factor in range(n_factors):
        square = 0.0
        for i in range(size):
            square += loadings[factor, i] ** 2
        pull = (prior.signal_shape + 0.5 * size) / (prior.signal_rate + 0.5 * square)
        for i in range(size):
            along = 0.0
            for j in range(size):
                along += twice_gradient[i, j] * loadings[factor, j]
            of_scales[i % n_scales] += loadings[factor, i] * along
            of_loadings[factor, i] = along - pull * loadings[factor, i]


@compiled_exactly
def _root_of_scatter(scatter):
    """Return R (d, d) with R R' the scatter, and its rank; other columns are zero."""
    size = scatter.shape[0]
    root, rank = np.zeros((size, size)), 0
    for j in range(size):
        pivot = scatter[j, j]
        for m in range(j):
            pivot -= root[j, m] ** 2
        if not pivot > _RANK * scatter[j, j]:
            continue
        rank += 1
        root[j, j] = math.sqrt(pivot)
        for i in range(j + 1, size):
            total = scatter[i, j]
            for m in range(j):
                total -= root[i, m] * root[j, m]
            root[i, j] = total / root[j, j]
    return root, rank


@compiled_exactly
def _wishart(freedom, size, rng):
    """Draw from the Wishart distribution with scale I, singular with few degrees of freedom."""
    matrix, root = np.zeros((size, size)), np.zeros((size, size))
    if freedom < size:
        for _ in range(freedom):
            vector = rng.standard_normal(size)
            for i in range(size):
                for j in range(size):
                    matrix[i, j] += vector[i] * vector[j]
        return matrix
    for i in range(size):
        for j in range(i):
            root[i, j] = rng.standard_normal()
        root[i, i] = math.sqrt(rng.chisquare(freedom - i))
    for i in range(size):
        for j in range(size):
            for m in range(min(i, j) + 1):
                matrix[i, j] += root[i, m] * root[j, m]
    return matrix


@compiled_exactly
def _draw_scores(count, root, rank, loadings, rng):
    """Draw Z'Z (q, q) and Z'Y (q, d), the statistics of scores, with Y the rows over D.

    ``root`` is R, over D too.
    """
    n_factors, size = loadings.shape
    signal = np.zeros((n_factors, n_factors))  # V = I + A'A
    for r in range(n_factors):
        for s in range(n_factors):
            for i in range(size):
                signal[r, s] += loadings[r, i] * loadings[s, i]
        signal[r, r] += 1.0
    back = inverse(cholesky(signal))  # back' back = V^-1
    noise = np.zeros((n_factors, size))  # G (q, d), zero in columns beyond the rank
    for j in range(size):
        if root[j, j] > 0.0:
            for r in range(n_factors):
                noise[r, j] = rng.standard_normal()
    rest = _wishart(max(0, round(count) - rank), n_factors, rng)
    for r in range(n_factors):
        for s in range(n_factors):
            for j in range(size):
                rest[r, s] += noise[r, j] * noise[s, j]
    beta, half = np.zeros((n_factors, size)), np.zeros((n_factors, size))
    for r in range(n_factors):
        for s in range(r + 1):
            for j in range(size):
                half[r, j] += back[r, s] * loadings[s, j]
    for r in range(n_factors):
        for s in range(r, n_factors):
            for j in range(size):
                beta[r, j] += back[s, r] * half[s, j]
    spread = np.zeros((n_factors, size))  # back' G R'
    through, spread_half = np.zeros((n_factors, size)), np.zeros((n_factors, size))  # beta R, G R'
    for r in range(n_factors):
        for j in range(size):
            for i in range(j, size):
                through[r, j] += beta[r, i] * root[i, j]
    for r in range(n_factors):
        for i in range(size):
            for j in range(i + 1):
                spread_half[r, i] += noise[r, j] * root[i, j]
    for r in range(n_factors):
        for s in range(r, n_factors):
            for i in range(size):
                spread[r, i] += back[s, r] * spread_half[s, i]
    cross = spread.copy()
    for r in range(n_factors):
        for i in range(size):
            for j in range(i + 1):
                cross[r, i] += through[r, j] * root[i, j]
    products, rest_half = np.zeros((n_factors, n_factors)), np.zeros((n_factors, n_factors))
    for r in range(n_factors):
        for s in range(n_factors):
            for i in range(size):
                products[r, s] += cross[r, i] * beta[s, i] + beta[r, i] * spread[s, i]
            for t in range(r, n_factors):
                rest_half[r, s] += back[t, r] * rest[t, s]
    for r in range(n_factors):
        for s in range(n_factors):
            for t in range(s, n_factors):
                products[r, s] += rest_half[r, t] * back[t, s]
    return products, cross


@compiled_exactly
def _moved(matrix, r, s, step):
    """Return T matrix T', with T the map that stretches column r, or adds column s to it."""
    result = matrix.copy()
    for _ in range(2):  # rows, then, of the transposed, columns
        for j in range(result.shape[1]):
            if r == s:
                result[r, j] *= math.exp(step)
            else:
                result[r, j] += step * result[s, j]
        result = result.T.copy()
    return result


@compiled_exactly
def _log_density_in_span(step, r, s, count, lengths, along, prior, size):
    """Return the log density of a move, scores integrated out, with its Jacobian.

    ``lengths`` is A'A and ``along`` A'SA before the move.
    """
    lengths, along = _moved(lengths, r, s, step), _moved(along, r, s, step)
    value = size * step if r == s else 0.0
    power = prior.signal_shape + 0.5 * size
    for factor in range(lengths.shape[0]):
        value -= power * math.log(prior.signal_rate + 0.5 * lengths[factor, factor])
        lengths[factor, factor] += 1.0
    root = cholesky(lengths)
    whitened = congruence(inverse(root), along)
    for factor in range(lengths.shape[0]):
        value += 0.5 * whitened[factor, factor] - count * math.log(root[factor, factor])
    return value


@compiled_exactly
def _slice_in_span(r, s, count, lengths, along, prior, size, rng):
    """Return a move of one kind by slice sampling, from none."""
    level = _log_density_in_span(0.0, r, s, count, lengths, along, prior, size)
    level -= rng.standard_exponential()
    width = _SPAN_WIDTH / math.sqrt(count + 1.0)
    if r != s:
        width *= math.sqrt((1e-100 + lengths[r, r]) / (1e-100 + lengths[s, s]))
    low = -width * rng.random()
    high = low + width
    for _ in range(MOST_STEPS):
        if not _log_density_in_span(low, r, s, count, lengths, along, prior, size) > level:
            break
        low -= width
    for _ in range(MOST_STEPS):
        if not _log_density_in_span(high, r, s, count, lengths, along, prior, size) > level:
            break
        high += width
    while True:
        step = low + (high - low) * rng.random()
        if _log_density_in_span(step, r, s, count, lengths, along, prior, size) >= level:
            return step
        if step < 0.0:
            low = step
        else:
            high = step
        if not high - low > 1e-15 * width:
            return 0.0


@compiled_exactly
def _move_in_span(count, root, loadings, prior, rng):
    """Move A within the span of its columns; ``root`` is that of the scatter over D."""
    n_factors, size = loadings.shape
    through = np.zeros((n_factors, size))  # A'R
    for r in range(n_factors):
        for i in range(size):
            here = loadings[r, i]
            for j in range(i + 1):
                through[r, j] += here * root[i, j]
    lengths, along = np.zeros((n_factors, n_factors)), np.zeros((n_factors, n_factors))
    for r in range(n_factors):
        for s in range(n_factors):
            for i in range(size):
                lengths[r, s] += loadings[r, i] * loadings[s, i]
                along[r, s] += through[r, i] * through[s, i]
    for r in range(n_factors):
        for s in range(n_factors):
            step = _slice_in_span(r, s, count, lengths, along, prior, size, rng)
            lengths, along = _moved(lengths, r, s, step), _moved(along, r, s, step)
            for i in range(size):
                if r == s:
                    loadings[r, i] *= math.exp(step)
                else:
                    loadings[r, i] += step * loadings[s, i]


@compiled_exactly
def _over(root, log_scales):
    """Return D^-1 root."""
    result = root.copy()
    for i in range(root.shape[0]):
        unscale = math.exp(-log_scales[i % log_scales.shape[0]])
        for j in range(i + 1):
            result[i, j] *= unscale
    return result


@compiled_exactly
def draw_factors(count, scatter, prior, kinds, rng, log_scales, loadings, acceptance):
    """Draw u and A of one matrix in place; write the acceptance of every scale.

    Several times, since this moves slowly and costs little beside a pass over the rows.
    """
    root, rank = _root_of_scatter(scatter)
    for _ in range(_TURNS):
        _draw_once(count, scatter, root, rank, prior, kinds, rng, log_scales, loadings, acceptance)


@compiled_exactly
def _draw_once(
    count, scatter, scatter_root, rank, prior, kinds, rng, log_scales, loadings, acceptance
):
    """Draw scores and theta, then uniquenesses with loadings integrated out, then loadings."""
    (n_factors, size), n_scales = loadings.shape, log_scales.shape[0]
    own_root = _over(scatter_root, log_scales)
    _move_in_span(count, own_root, loadings, prior, rng)
    products, cross = _draw_scores(count, own_root, rank, loadings, rng)
    for r in range(n_factors):
        square = 0.0
        for i in range(size):
            square += loadings[r, i] ** 2
            cross[r, i] *= math.exp(log_scales[i % n_scales])
        rate = prior.signal_rate + 0.5 * square
        products[r, r] += rng.standard_gamma(prior.signal_shape + 0.5 * size) / rate
    root = cholesky(products)
    residuals = np.zeros(n_scales)
    for i in range(size):
        residual = scatter[i, i]
        for r in range(n_factors):  # forward substitution, in place
            for s in range(r):
                cross[r, i] -= root[r, s] * cross[s, i]
            cross[r, i] /= root[r, r]
            residual -= cross[r, i] ** 2
        residuals[i % n_scales] += max(residual, _LEAST_RESIDUAL * scatter[i, i])
    for scale in range(n_scales):
        acceptance[scale] = draw_log_scale(
            count * (size // n_scales),
            residuals[scale],
            prior,
            kinds[scale],
            rng,
            log_scales,
            scale,
        )
    for i in range(size):
        unscale = math.exp(-log_scales[i % n_scales])
        for r in range(n_factors - 1, -1, -1):
            value = cross[r, i] * unscale + rng.standard_normal()
            for s in range(r + 1, n_factors):
                value -= root[s, r] * loadings[s, i]
            loadings[r, i] = value / root[r, r]

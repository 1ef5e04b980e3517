"""Moves that split one cluster or merge two, for the telescoping sampler.

Moves of single rows hardly ever find a new cluster among many rows. Here two rows are chosen, the
anchors (Jain & Neal, 2007). If they are in one cluster it may be split, else theirs may be merged.
From the rows concerned and the anchors alone, not from the clusters that there are, EM makes a
mixture of two normal distributions: the launch state. A split allocates the rows
independently by its responsibilities, anchors apart. Parameters of new clusters are proposed from a
normal inverse-Wishart distribution around the moments of their rows, or, without correlations, a
scaled inverse chi-square distribution. These proposals are close to, not the same as, the full
conditionals, so that any prior will do: the acceptance ratio has the densities of both.

The number of components is integrated out (``partition_prior.py``), as are empty components. The
second anchor is from the same cluster or from the others with equal probability, which the ratio
takes into account.

References
----------
Jain, S. and Neal, R. M. (2007). Splitting and merging components of a nonconjugate Dirichlet
process mixture model. Bayesian Analysis 2, 445-472.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariances import (
    correlation_factor,
    expected_log_density,
    log_determinant_of,
    lone_scale_prior,
    precision_factor_of,
    write_coordinates,
)
from bayesgmm.numerics.kernels.full_conditionals import draw_inverse_wishart
from bayesgmm.numerics.kernels.partition_prior import write_log_partitions
from bayesgmm.numerics.kernels.triangular import cholesky, inverse

_LOG_2_PI = math.log(2 * math.pi)
_LOG_2 = math.log(2.0)
_MOST_OF_LAUNCH = 400  # rows that the launch state is made from
_STEPS = 6  # of EM
_PRIOR_ROWS = 2.0  # that keep its covariance matrices regular
_FREEDOM = 2.0  # of proposals, beyond the number of rows and features


class Clusters(NamedTuple):
    """The clusters of a sweep; arrays have room for one more.

    Attributes
    ----------
    counts, sums, scatter : array, shape (k,), (k, d), (k, d, d) or (k, d)
        Statistics of their rows about the means.
    factors : array, shape (k, d, d) or (k, d)
        Precision factors.
    means, log_scales, pairs : array, shape (k, d), (m, s), (m, p)
        Parameters.
    """

    counts: np.ndarray
    sums: np.ndarray
    scatter: np.ndarray
    factors: np.ndarray
    means: np.ndarray
    log_scales: np.ndarray
    pairs: np.ndarray


class Cluster(NamedTuple):
    """Rows of one cluster, or of a possible one, and its parameters.

    Attributes
    ----------
    count : float
    center : array, shape (d,)
        Mean of the rows.
    scatter : array, shape (d, d)
        About it.
    mean, log_scales, pairs : array, shape (d,), (s,), (p,)
        Parameters.
    """

    count: float
    center: np.ndarray
    scatter: np.ndarray
    mean: np.ndarray
    log_scales: np.ndarray
    pairs: np.ndarray


@compiled_exactly
def _moments(X, members, side, which):
    """Return the count, mean and scatter of the rows of one side; of all where ``which`` is -1."""
    d = X.shape[1]
    count, center, scatter = 0.0, np.zeros(d), np.zeros((d, d))
    for place in range(members.shape[0]):
        if which < 0 or side[place] == which:
            count += 1.0
            for i in range(d):
                center[i] += X[members[place], i]
    for i in range(d):
        center[i] /= max(count, 1.0)
    for place in range(members.shape[0]):
        if which < 0 or side[place] == which:
            row = members[place]
            for i in range(d):
                for j in range(i + 1):
                    scatter[i, j] += (X[row, i] - center[i]) * (X[row, j] - center[j])
    for i in range(d):
        for j in range(i):
            scatter[j, i] = scatter[i, j]
    return count, center, scatter


@compiled_exactly
def _added_scatter(cluster, typical, i):
    """Return what is added to the scatter of a feature, so that proposals are proper."""
    return cluster.scatter[i, i] / cluster.count + (typical[i] / cluster.count) ** 2


@compiled_exactly
def _proposal_scatter(cluster, typical):
    together = cluster.scatter.copy()
    for i in range(together.shape[0]):
        together[i, i] += _added_scatter(cluster, typical, i)
    return together


@compiled_exactly
def _scale_proposal(cluster, typical, scale):
    """Return degrees of freedom and sum of squares of the proposal of one scale."""
    (d, n_scales), squares, n_features = (
        (cluster.mean.shape[0], cluster.log_scales.shape[0]),
        0.0,
        0,
    )
    for i in range(scale, d, n_scales):
        squares += cluster.scatter[i, i] + _added_scatter(cluster, typical, i)
        n_features += 1
    return cluster.count * n_features + _FREEDOM, squares


@compiled_exactly
def _propose(cluster, typical, is_correlated, rng):
    """Draw the parameters of a cluster in place; return whether that was possible."""
    d = cluster.mean.shape[0]
    if is_correlated:
        root = cholesky(_proposal_scatter(cluster, typical))
        if not np.isfinite(root).all():
            return False
        matrix = draw_inverse_wishart(cluster.count + d - 1.0 + _FREEDOM, root, rng)
        if not write_coordinates(matrix, cluster.log_scales, cluster.pairs):
            return False
        factor = cholesky(matrix)
        noise = np.empty(d)
        for i in range(d):
            noise[i] = rng.standard_normal() / math.sqrt(cluster.count)
        for i in range(d):
            cluster.mean[i] = cluster.center[i]
            for j in range(i + 1):
                cluster.mean[i] += factor[i, j] * noise[j]
        return True
    n_scales = cluster.log_scales.shape[0]
    for scale in range(n_scales):
        freedom, squares = _scale_proposal(cluster, typical, scale)
        cluster.log_scales[scale] = 0.5 * math.log(squares / rng.chisquare(freedom))
    for i in range(d):
        deviation = math.exp(cluster.log_scales[i % n_scales]) / math.sqrt(cluster.count)
        cluster.mean[i] = cluster.center[i] + deviation * rng.standard_normal()
    return True


@compiled_exactly
def _log_proposal(cluster, typical, is_correlated):
    """Return the log density of the proposal at the parameters of a cluster.

    Over the mean and the covariance matrix, or, without correlations, the logarithms of scales.
    """
    d, n_scales = cluster.mean.shape[0], cluster.log_scales.shape[0]
    value = 0.5 * d * (math.log(cluster.count) - _LOG_2_PI)
    if is_correlated:
        scatter = _proposal_scatter(cluster, typical)
        root = cholesky(scatter)
        factor = precision_factor_of(
            cluster.log_scales, inverse(correlation_factor(cluster.pairs, d))
        )
        log_root = log_determinant_of(cluster.pairs, d)
        for i in range(d):
            log_root += cluster.log_scales[i]
        freedom = cluster.count + d - 1.0 + _FREEDOM
        for i in range(d):
            value += freedom * math.log(root[i, i]) - math.lgamma(0.5 * (freedom - i))
        value -= 0.5 * freedom * d * _LOG_2 + 0.25 * d * (d - 1) * math.log(math.pi)
        value -= (freedom + d + 1.0) * log_root + log_root
        for i in range(d):
            along = 0.0
            for j in range(i + 1):
                along += factor[i, j] * (cluster.mean[j] - cluster.center[j])
                for m in range(i + 1):
                    value -= 0.5 * factor[i, j] * scatter[j, m] * factor[i, m]
            value -= 0.5 * cluster.count * along * along
        return value
    for scale in range(n_scales):
        freedom, squares = _scale_proposal(cluster, typical, scale)
        u = cluster.log_scales[scale]
        value += _LOG_2 + 0.5 * freedom * math.log(0.5 * squares) - math.lgamma(0.5 * freedom)
        value -= freedom * u + 0.5 * squares * math.exp(-2.0 * u)
    for i in range(d):
        u = cluster.log_scales[i % n_scales]
        distance = (cluster.mean[i] - cluster.center[i]) * math.exp(-u)
        value -= u + 0.5 * cluster.count * distance * distance
    return value


@compiled_exactly
def _log_target(cluster, prior, loc, precision, log_normalizer, is_correlated):
    """Return the log density of rows and parameters of a cluster, over the same coordinates."""
    d, n_scales = cluster.mean.shape[0], cluster.log_scales.shape[0]
    value = -0.5 * cluster.count * d * _LOG_2_PI - log_normalizer
    about = cluster.scatter.copy()
    for i in range(d):
        distance = cluster.mean[i] - loc[i]
        value += 0.5 * (math.log(precision[i]) - _LOG_2_PI)
        value -= 0.5 * precision[i] * distance * distance
        for j in range(d):
            about[i, j] += (
                cluster.count
                * (cluster.mean[i] - cluster.center[i])
                * (cluster.mean[j] - cluster.center[j])
            )
    if is_correlated:
        position = np.empty(d + cluster.pairs.shape[0])
        for i in range(d):
            position[i] = cluster.log_scales[i]
            # From standard deviations and correlations to the entries of the matrix.
            value -= d * cluster.log_scales[i] + _LOG_2
        for i in range(cluster.pairs.shape[0]):
            position[d + i] = cluster.pairs[i]
        for i in range(d):
            for j in range(d):
                about[i, j] += prior.scatter[i, j]
        return value + expected_log_density(position, cluster.count + prior.count, about, prior)
    for scale in range(n_scales):
        u, count, squares = cluster.log_scales[scale], prior.count, prior.scatter[scale, scale]
        for i in range(scale, d, n_scales):
            count += cluster.count
            squares += about[i, i]
        value += lone_scale_prior(prior, scale, u)[0] + (1.0 - count) * u
        value -= 0.5 * squares * math.exp(-2.0 * u)
    return value


@compiled_exactly
def _write_log_density(X, row, mean, factor, constant):
    d, square = mean.shape[0], 0.0
    for i in range(d):
        along = 0.0
        for j in range(i + 1):
            along += factor[i, j] * (X[row, j] - mean[j])
        square += along * along
    return constant - 0.5 * square


@compiled_exactly
def _launch(X, members, first, second, is_correlated, rng):
    """Return log weights, means and precision factors of two normal distributions.

    ``first`` and ``second`` are the anchors. Of many rows some are taken at random.
    """
    d, n = X.shape[1], members.shape[0]
    some = members
    if n > _MOST_OF_LAUNCH:
        some = np.empty(_MOST_OF_LAUNCH, np.int64)
        for place in range(_MOST_OF_LAUNCH):
            some[place] = members[rng.integers(0, n)]
    n = some.shape[0]
    side = np.zeros(n, np.int64)
    _, _, scatter = _moments(X, some, side, -1)
    spread = np.empty(d)
    for i in range(d):
        spread[i] = scatter[i, i] / n + 1e-300
    shares = np.empty(n)  # of the first
    for place in range(n):
        difference = 0.0
        for i in range(d):
            x = X[some[place], i]
            difference += ((x - X[first, i]) ** 2 - (x - X[second, i]) ** 2) / spread[i]
        shares[place] = 1.0 if difference < 0.0 else 0.0
    constants, means, factors = np.empty(2), np.empty((2, d)), np.empty((2, d, d))
    for step in range(_STEPS):
        for which in range(2):
            anchor = first if which == 0 else second
            count = 1.0
            for i in range(d):
                means[which, i] = X[anchor, i]
            for place in range(n):
                share = shares[place] if which == 0 else 1.0 - shares[place]
                count += share
                for i in range(d):
                    means[which, i] += share * X[some[place], i]
            for i in range(d):
                means[which, i] /= count
            matrix = np.zeros((d, d))
            for place in range(n):
                share = shares[place] if which == 0 else 1.0 - shares[place]
                for i in range(d):
                    for j in range(i + 1):
                        matrix[i, j] += (
                            share
                            * (X[some[place], i] - means[which, i])
                            * (X[some[place], j] - means[which, j])
                        )
            for i in range(d):
                matrix[i, i] += 0.2 * _PRIOR_ROWS * spread[i]
                for j in range(i + 1):
                    matrix[i, j] /= count - 1.0 + _PRIOR_ROWS
                    if i != j and not is_correlated:
                        matrix[i, j] = 0.0
                    matrix[j, i] = matrix[i, j]
            factor = inverse(cholesky(matrix))
            constants[which] = math.log(count)
            for i in range(d):
                constants[which] += math.log(factor[i, i])
                for j in range(d):
                    factors[which, i, j] = factor[i, j]
        if step < _STEPS - 1:
            for place in range(n):
                shares[place] = 1.0 - _share_of_second(X, some[place], constants, means, factors)
    return constants, means, factors


@compiled_exactly
def _share_of_second(X, row, constants, means, factors):
    """Return the responsibility of the second normal distribution for a row."""
    ahead = _write_log_density(X, row, means[0], factors[0], constants[0])
    ahead -= _write_log_density(X, row, means[1], factors[1], constants[1])
    if ahead > 700.0:
        return 0.0
    return 1.0 / (1.0 + math.exp(ahead))


@compiled_exactly
def _room(count, center, scatter, d, n_scales, n_pairs):
    return Cluster(count, center, scatter, np.empty(d), np.empty(n_scales), np.empty(n_pairs))


@compiled_exactly
def _with_parameters(count, center, scatter, clusters, place):
    return Cluster(
        count, center, scatter, clusters.means[place], clusters.log_scales[place],
        clusters.pairs[place],
    )  # fmt: skip


@compiled_exactly
def _write_statistics(cluster, scatter, factor):
    """Write the scatter about the mean, and the precision factor: (d, d), or (d,)."""
    d, n_scales = cluster.mean.shape[0], cluster.log_scales.shape[0]
    if scatter.ndim == 2:
        roots = precision_factor_of(
            cluster.log_scales, inverse(correlation_factor(cluster.pairs, d))
        )
    for i in range(d):
        along = cluster.center[i] - cluster.mean[i]
        if scatter.ndim == 1:
            scatter[i] = cluster.scatter[i, i] + cluster.count * along * along
            factor[i] = math.exp(-cluster.log_scales[i % n_scales])
        else:
            for j in range(d):
                across = cluster.center[j] - cluster.mean[j]
                scatter[i, j] = cluster.scatter[i, j] + cluster.count * along * across
                factor[i, j] = roots[i, j]


@compiled_exactly
def _store(cluster, clusters, place):
    """Write a cluster, with its statistics about its mean."""
    clusters.counts[place] = cluster.count
    for i in range(cluster.mean.shape[0]):
        clusters.means[place, i] = cluster.mean[i]
        clusters.sums[place, i] = cluster.count * (cluster.center[i] - cluster.mean[i])
    for scale in range(cluster.log_scales.shape[0]):
        clusters.log_scales[place, scale] = cluster.log_scales[scale]
    for pair in range(cluster.pairs.shape[0]):
        clusters.pairs[place, pair] = cluster.pairs[pair]
    _write_statistics(cluster, clusters.scatter[place], clusters.factors[place])


@compiled_exactly
def _move_last(clusters, chosen, place, last):
    """Put the last cluster in the place of one that is gone."""
    if place == last:
        return
    clusters.counts[place] = clusters.counts[last]
    clusters.sums[place] = clusters.sums[last]
    clusters.scatter[place] = clusters.scatter[last]
    clusters.factors[place] = clusters.factors[last]
    clusters.means[place] = clusters.means[last]
    clusters.log_scales[place] = clusters.log_scales[last]
    clusters.pairs[place] = clusters.pairs[last]
    for row in range(chosen.shape[0]):
        if chosen[row] == last:
            chosen[row] = place


@compiled_exactly
def _choose_anchors(chosen, clusters, n_filled, n_named, rng):
    """Return two rows, or -1 where the move does not apply, and the log ratio of a merge's choice.

    The first is any row. The second is another of its cluster, or one of another cluster, each with
    probability 1/2; if all rows are in one cluster it is of this.
    """
    n = chosen.shape[0]
    first = rng.integers(0, n)
    own = chosen[first]
    count = clusters.counts[own]
    splits = rng.random() < 0.5 or count == n
    if own < n_named or (splits and count < 2.0) or n < 2:
        return first, -1
    while True:  # the rows sought are at least one
        second = rng.integers(0, n)
        if second != first and (chosen[second] == own) == splits:
            break
        # Small clusters among many rows are searched row by row.
        if splits and count < 0.05 * n:
            number = rng.integers(0, int(count) - 1)
            for row in range(n):
                if chosen[row] == own and row != first:
                    if number == 0:
                        second = row
                        break
                    number -= 1
            break
    if chosen[second] < n_named:
        return first, -1
    return first, second


@compiled_exactly
def _log_choice(count, n, splits):
    """Return the log probability of the second anchor, given the size of the first's cluster."""
    if splits:
        return -math.log(count - 1.0) - (0.0 if count == n else _LOG_2)
    return -math.log(n - count) - _LOG_2


@compiled_exactly
def split_or_merge(
    X, chosen, clusters, n_filled, alpha, number, prior, loc, precision, typical, log_normalizer,
    values, tried, rng,
):  # fmt: skip
    """Try one move in place; return the number of clusters.

    ``typical`` (d,) are rough scales of the prior, and ``log_normalizer`` is what the density of a
    covariance matrix integrates to, in logarithms. ``tried`` counts splits tried and accepted, then
    merges.
    """
    n, d, is_correlated = float(X.shape[0]), X.shape[1], clusters.pairs.shape[1] > 0
    n_scales, n_pairs = clusters.log_scales.shape[1], clusters.pairs.shape[1]
    first, second = _choose_anchors(chosen, clusters, n_filled, number.n_named, rng)
    if second < 0:
        return n_filled
    one, other = chosen[first], chosen[second]
    splits = one == other
    if splits and n_filled + 1 > clusters.counts.shape[0]:
        return n_filled
    n_members, place = 0, 0
    for row in range(chosen.shape[0]):
        if chosen[row] in (one, other):
            n_members += 1
    members, side = np.empty(n_members, np.int64), np.empty(n_members, np.int64)
    for row in range(chosen.shape[0]):
        if chosen[row] in (one, other):
            members[place] = row
            side[place] = 1 if chosen[row] != one else 0
            place += 1
    constants, means, factors = _launch(X, members, first, second, is_correlated, rng)
    log_split = 0.0  # probability of the allocations of a split
    for place in range(n_members):
        row = members[place]
        if row in (first, second):
            if splits:
                side[place] = 1 if row == second else 0
            continue
        share = _share_of_second(X, row, constants, means, factors)
        if splits:
            side[place] = 1 if rng.random() < share else 0
        log_split += math.log(share if side[place] == 1 else 1.0 - share)
    which = 0 if splits else 2
    tried[which] += 1.0
    together = _moments(X, members, side, -1)
    before = write_log_partitions(clusters.counts, n_filled, alpha, number, values)
    counts = np.empty(n_filled + 1)
    for cluster in range(n_filled):
        counts[cluster] = clusters.counts[cluster]
    left_count, left_center, left_scatter = _moments(X, members, side, 0)
    right_count, right_center, right_scatter = _moments(X, members, side, 1)
    if splits:
        whole = _with_parameters(together[0], together[1], together[2], clusters, one)
        left = _room(left_count, left_center, left_scatter, d, n_scales, n_pairs)
        right = _room(right_count, right_center, right_scatter, d, n_scales, n_pairs)
        if not _propose(left, typical, is_correlated, rng):
            return n_filled
        if not _propose(right, typical, is_correlated, rng):
            return n_filled
        counts[one], counts[n_filled] = left_count, right_count
        after = write_log_partitions(counts, n_filled + 1, alpha, number, values)
    else:
        whole = _room(together[0], together[1], together[2], d, n_scales, n_pairs)
        left = _with_parameters(left_count, left_center, left_scatter, clusters, one)
        right = _with_parameters(right_count, right_center, right_scatter, clusters, other)
        if not _propose(whole, typical, is_correlated, rng):
            return n_filled
        counts[one] = together[0]
        counts[other] = counts[n_filled - 1]
        after = write_log_partitions(counts, n_filled - 1, alpha, number, values)
    ratio = _log_target(left, prior, loc, precision, log_normalizer, is_correlated)
    ratio += _log_target(right, prior, loc, precision, log_normalizer, is_correlated)
    ratio -= _log_target(whole, prior, loc, precision, log_normalizer, is_correlated)
    ratio += _log_proposal(whole, typical, is_correlated) - log_split
    ratio -= _log_proposal(left, typical, is_correlated)
    ratio -= _log_proposal(right, typical, is_correlated)
    ratio += _log_choice(left_count, n, False) - _log_choice(together[0], n, True)
    if not splits:
        ratio = -ratio
    if not math.log(rng.random()) < ratio + after - before:
        return n_filled
    tried[which + 1] += 1.0
    if splits:
        _store(left, clusters, one)
        _store(right, clusters, n_filled)
        for place in range(n_members):
            chosen[members[place]] = one if side[place] == 0 else n_filled
        return n_filled + 1
    _store(whole, clusters, one)
    for place in range(n_members):
        chosen[members[place]] = one
    _move_last(clusters, chosen, other, n_filled - 1)
    return n_filled - 1

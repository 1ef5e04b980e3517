"""Moves that split one cluster or merge two, for the telescoping sampler.

Gibbs sampling hardly ever finds a new cluster, since empty components are drawn from the prior.
``move_row`` makes clusters of single rows. ``split_or_merge`` is for larger ones: two rows are
chosen, the anchors (Jain & Neal, 2007). If they are in one cluster it may be split, else theirs
may be merged. From the rows concerned and the anchors alone, not from the clusters that there are,
EM makes a mixture of two normal distributions: the launch state. A split allocates the rows
independently by its responsibilities, anchors apart. Parameters of new clusters are proposed from
a normal inverse-Wishart distribution around the moments of their rows, or, without correlations, a
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
_MOST_NEAR = 10  # rows of which the nearest bounds a small cluster
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
def _distance(X, row, other, spread):
    total = 0.0
    for i in range(X.shape[1]):
        total += (X[row, i] - X[other, i]) ** 2 / spread[i]
    return total


@compiled_exactly
def _radius(X, some, center, spread, rng):
    """Return how far the second anchor reaches; zero is as far as it is nearer than the first.

    The former, half of the time, is the smallest distance of some rows at random, so that small
    clusters are proposed as well as halves.
    """
    if rng.random() < 0.5:
        return 0.0
    radius = np.inf
    for _ in range(rng.integers(1, _MOST_NEAR + 1)):
        away = _distance(X, some[rng.integers(0, some.shape[0])], center, spread)
        if away > 0.0:
            radius = min(radius, away)
    return radius if radius < np.inf else 0.0


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
    radius = _radius(X, some, second, spread, rng)
    for place in range(n):
        away = _distance(X, some[place], second, spread)
        limit = radius if radius > 0.0 else _distance(X, some[place], first, spread)
        shares[place] = 1.0 if away > limit else 0.0
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
    d = cluster.mean.shape[0]
    _write_factor_of(cluster.log_scales, cluster.pairs, d, factor)
    for i in range(d):
        along = cluster.center[i] - cluster.mean[i]
        if scatter.ndim == 1:
            scatter[i] = cluster.scatter[i, i] + cluster.count * along * along
        else:
            for j in range(d):
                across = cluster.center[j] - cluster.mean[j]
                scatter[i, j] = cluster.scatter[i, j] + cluster.count * along * across


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
    if last < clusters.log_scales.shape[0]:  # else all share one matrix
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


@compiled_exactly
def _log_density_in(clusters, factors, place, x):
    """Return the log density of a row in one cluster; ``factors`` are those of all clusters."""
    d, square, value = x.shape[0], 0.0, -0.5 * x.shape[0] * _LOG_2_PI
    for i in range(d):
        if factors.ndim == 2:
            along = factors[place, i] * (x[i] - clusters.means[place, i])
            value += math.log(factors[place, i])
        else:
            along = 0.0
            for j in range(i + 1):
                along += factors[place, i, j] * (x[j] - clusters.means[place, j])
            value += math.log(factors[place, i, i])
        square += along * along
    return value - 0.5 * square


@compiled_exactly
def _add_row(clusters, scatter, place, x, sign):
    """Add a row to the statistics of a cluster, or take it out."""
    clusters.counts[place] += sign
    for i in range(x.shape[0]):
        along = x[i] - clusters.means[place, i]
        clusters.sums[place, i] += sign * along
        if scatter.ndim == 2:
            scatter[place, i] += sign * along * along
        else:
            for j in range(x.shape[0]):
                scatter[place, i, j] += sign * along * (x[j] - clusters.means[place, j])


@compiled_exactly
def _write_factor_of(log_scales, pairs, d, factor):
    """Write the precision factor of one covariance matrix."""
    if factor.ndim == 1:
        for i in range(d):
            factor[i] = math.exp(-log_scales[i % log_scales.shape[0]])
    else:
        whole = precision_factor_of(log_scales, inverse(correlation_factor(pairs, d)))
        for i in range(d):
            for j in range(d):
                factor[i, j] = whole[i, j]


@compiled_exactly
def _scatter_at(scatter, place, i, j):
    """Return an entry of the scatter of one cluster; zero where that is not known."""
    if scatter.ndim == 3:
        return scatter[place, i, j]
    return scatter[place, i] if i == j else 0.0


@compiled_exactly
def _cluster_at(clusters, all_scatter, place, x, sign):
    """Return a cluster, with the moments about the mean of its rows; with a row more or less.

    ``sign`` is 1 to add the row x, -1 to leave it out, and 0 for the cluster as it is.
    """
    d, before = x.shape[0], clusters.counts[place]
    count = before + sign
    center, scatter, away = np.empty(d), np.empty((d, d)), np.empty(d)
    for i in range(d):
        away[i] = x[i] - clusters.means[place, i]
        center[i] = (clusters.sums[place, i] + sign * away[i]) / count
    for i in range(d):
        for j in range(d):
            scatter[i, j] = _scatter_at(all_scatter, place, i, j) + sign * away[i] * away[j]
            if all_scatter.ndim == 3 or i == j:
                scatter[i, j] -= count * center[i] * center[j]
        scatter[i, i] = max(scatter[i, i], 0.0)
    for i in range(d):
        center[i] += clusters.means[place, i]
    log_scales, pairs = clusters.log_scales, clusters.pairs
    matrix = place if place < log_scales.shape[0] else 0
    return Cluster(
        count, center, scatter, clusters.means[place].copy(), log_scales[matrix].copy(),
        pairs[matrix].copy(),
    )  # fmt: skip


@compiled_exactly
def _choose_row(levels, rng):
    """Return a row in proportion to the steps of ``levels``, which end at one."""
    level = rng.random()
    low, high = 0, levels.shape[0] - 1
    while low < high:
        middle = (low + high) // 2
        if level < levels[middle]:
            high = middle
        else:
            low = middle + 1
    return low


@compiled_exactly
def move_row(
    X, label_log_likelihoods, chosen, clusters, n_filled, n_components, concentration, n_named,
    prior, loc, precision, typical, log_normalizer, levels, is_own, log_scales, pairs, logs, rng,
):  # fmt: skip
    """Try to make a cluster of one row, or to put such a row into another, in place.

    Outliers become clusters of their own in this way, which is rare otherwise, as empty components
    are hardly ever where they are. The covariance matrix of the new cluster, ``log_scales`` and
    ``pairs``, is a draw from the prior, and its mean is normal around the row with that covariance:
    this density cancels that of the row given the mean. If clusters have a matrix each, ``is_own``,
    the cluster that the row leaves gets new parameters, too, as without the row it is narrower. The
    way back is to a cluster in proportion to a power of its size times its density. The number of
    components is fixed: the new cluster was an empty component. Returns the number of clusters.
    """
    d, row = X.shape[1], _choose_row(levels, rng)
    own, x, has_labels = chosen[row], X[row], label_log_likelihoods.shape[0] > 0
    is_correlated = pairs.shape[0] > 0
    dies = own >= n_named and clusters.counts[own] == 1.0
    if (dies and n_filled < 2) or (not dies and n_filled >= n_components):
        return n_filled
    if not dies and (n_filled + 1 > clusters.counts.shape[0] or clusters.counts[own] < 2.0):
        return n_filled
    target = _choose_cluster(x, clusters, n_filled, own, dies, logs, rng) if dies else own
    sign = 1.0 if dies else -1.0
    if dies and clusters.counts[target] < 1.0:
        return n_filled
    old = _cluster_at(clusters, clusters.scatter, target, x, 0.0)
    new = _cluster_at(clusters, clusters.scatter, target, x, sign)
    ratio = 0.0  # of making the cluster of one row
    if is_own:
        if not _propose(new, typical, is_correlated, rng):
            return n_filled
        larger, smaller = (new, old) if dies else (old, new)
        ratio += _log_target(smaller, prior, loc, precision, log_normalizer, is_correlated)
        ratio -= _log_target(larger, prior, loc, precision, log_normalizer, is_correlated)
        ratio += _log_proposal(larger, typical, is_correlated)
        ratio -= _log_proposal(smaller, typical, is_correlated)
    else:
        ratio -= _log_density_in(clusters, clusters.factors, target, x)
    mean = np.empty(d)
    if dies:
        for i in range(d):
            mean[i] = clusters.means[own, i]
    else:
        _draw_mean_around(x, log_scales, pairs, clusters.factors, mean, rng)
        if is_own:  # the way back is chosen by the parameters that there would be
            _put(new, clusters, target)
        _choose_cluster(x, clusters, n_filled, own, False, logs, rng)
        if is_own:
            _put(old, clusters, target)
    others = clusters.counts[target] - (0.0 if dies else 1.0)
    empty = n_components - n_filled + (1.0 if dies else 0.0)
    ratio += math.log(empty * concentration / (others + concentration)) + logs[target]
    if has_labels:
        ratio += label_log_likelihoods[row, n_named]
        ratio -= label_log_likelihoods[row, min(target, n_named)]
    for i in range(d):
        distance = mean[i] - loc[i]
        ratio += 0.5 * (math.log(precision[i]) - _LOG_2_PI)
        ratio -= 0.5 * precision[i] * distance * distance
    if dies:
        ratio = -ratio
    if not math.log(rng.random()) < ratio:
        return n_filled
    if is_own:
        _store(new, clusters, target)
    else:
        _add_row(clusters, clusters.scatter, target, x, sign)
    if dies:
        chosen[row] = target
        _move_last(clusters, chosen, own, n_filled - 1)
        return n_filled - 1
    chosen[row] = n_filled
    clusters.counts[n_filled] = 0.0
    clusters.sums[n_filled] = 0.0
    clusters.scatter[n_filled] = 0.0
    clusters.means[n_filled] = mean
    if n_filled < clusters.log_scales.shape[0]:
        clusters.log_scales[n_filled] = log_scales
        clusters.pairs[n_filled] = pairs
    _write_factor_of(log_scales, pairs, d, clusters.factors[n_filled])
    _add_row(clusters, clusters.scatter, n_filled, x, 1.0)
    return n_filled + 1


@compiled_exactly
def _put(cluster, clusters, place):
    """Write the mean and the precision factor of a cluster."""
    for i in range(cluster.mean.shape[0]):
        clusters.means[place, i] = cluster.mean[i]
    _write_factor_of(
        cluster.log_scales, cluster.pairs, cluster.mean.shape[0], clusters.factors[place]
    )


_POWER = 0.3  # of sizes times densities: a row may be put where it does not seem to belong yet


@compiled_exactly
def _choose_cluster(x, clusters, n_filled, own, leaves, logs, rng):
    """Choose a cluster for a row that is now in ``own``; write log probabilities.

    If the row leaves its own cluster, that is left out; else the row is not counted there.
    """
    largest, total, last = -np.inf, 0.0, 0
    for place in range(n_filled):
        logs[place] = -np.inf
        if not (leaves and place == own):
            others = clusters.counts[place] - (1.0 if place == own else 0.0)
            logs[place] = math.log(others + 1.0)
            logs[place] += _log_density_in(clusters, clusters.factors, place, x)
            logs[place] *= _POWER
        largest = max(largest, logs[place])
    for place in range(n_filled):
        total += math.exp(logs[place] - largest)
    level, below, found = rng.random() * total, 0.0, -1
    for place in range(n_filled):
        mass = math.exp(logs[place] - largest)
        below += mass
        if mass > 0.0:
            last = place
        if found < 0 and level < below:
            found = place
        logs[place] -= largest + math.log(total)
    return found if found >= 0 else last


@compiled_exactly
def _draw_mean_around(x, log_scales, pairs, factors, mean, rng):
    """Draw a mean around a row; ``factors`` tell whether there are correlations."""
    d = x.shape[0]
    if factors.ndim == 2:
        for i in range(d):
            scale = math.exp(log_scales[i % log_scales.shape[0]])
            mean[i] = x[i] + scale * rng.standard_normal()
    else:
        root, noise = correlation_factor(pairs, d), np.empty(d)
        for i in range(d):
            noise[i] = rng.standard_normal()
        for i in range(d):
            along = 0.0
            for j in range(i + 1):
                along += root[i, j] * noise[j]
            mean[i] = x[i] + math.exp(log_scales[i]) * along

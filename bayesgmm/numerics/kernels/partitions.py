"""Losses of a partition against draws of partitions, and the search for the best partition.

Every loss is a function of three sums of h(size), with h(x) = x log x or x^2: over the groups of
the draw, over the clusters of the candidate, and over their intersections. So the change of the
loss when a row is moved depends only on the sizes of the groups and clusters that contain it.

Axes: n rows, m draws. ``groups`` (n, m) is the group of every row in every draw, and ``labels``
(n,) the cluster of every row in the candidate, -1 for rows that are not allocated. ``heights``
(n + 1,) is h, ``rises`` (n,) its differences h(x + 1) - h(x).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bayesgmm.numerics.kernels.allocations import uniform
from bayesgmm.numerics.kernels.compiling import compiled, inlined

VARIATION_OF_INFORMATION, BINDER, ADJUSTED_RAND, NORMALIZED = 0, 1, 2, 3

_LEAST_ENTROPY = 1e-12  # joint entropy of two partitions; below it, both are one cluster
_LEAST_GAIN = 1e-11  # of a change, relative to the largest change by one row
_MOST_SCANS = 200

_ALLOCATED, _CLUSTERS, _OWN = 0, 1, 2  # indices of the counts of a candidate


class _Candidate(NamedTuple):
    """A partition that is changed in place, with the sums of its losses.

    Attributes
    ----------
    labels : integer array, shape (n,)
    sizes : integer array, shape (room + 1,)
        Sizes of the clusters.
    joint : integer array, shape (m, groups, room + 1)
        Sizes of the intersections of clusters with the groups of every draw.
    drawn_sizes : integer array, shape (m, groups)
        Sizes of these groups, allocated rows only.
    drawn, shared : array, shape (m,)
        Sums of h over the groups, and over the intersections.
    counts : array, shape (3,)
        Number of allocated rows, number of clusters, and the sum of h over the clusters.
    """

    labels: np.ndarray
    sizes: np.ndarray
    joint: np.ndarray
    drawn_sizes: np.ndarray
    drawn: np.ndarray
    shared: np.ndarray
    counts: np.ndarray


@inlined
def loss(kind, a, shared, drawn, own, n):
    """Return the loss from the sums over intersections, over the draw, over the candidate.

    ``a`` is the cost of separating rows of one group, 2 - a that of joining rows of two groups.
    """
    if kind == ADJUSTED_RAND:
        # Hubert & Arabie (1985), with sum_j C(x_j, 2) = (sum_j x_j^2 - n) / 2.
        in_draw, in_candidate, in_both = 0.5 * (drawn - n), 0.5 * (own - n), 0.5 * (shared - n)
        by_chance = in_draw * in_candidate / (0.5 * n * (n - 1.0)) if n > 1 else 0.0
        most = 0.5 * (in_draw + in_candidate)
        return 1.0 - (in_both - by_chance) / (most - by_chance) if most > by_chance else 0.0
    costs = a * (drawn - shared) + (2.0 - a) * (own - shared)
    if kind == BINDER:
        return costs / (n * n)
    if kind == VARIATION_OF_INFORMATION:
        return costs / n
    joint_entropy = math.log(n) - shared / n
    return costs / n / joint_entropy if joint_entropy > _LEAST_ENTROPY else 0.0


@compiled
def losses(draws, n_groups, labels, n_clusters, heights, kind, a, output):
    """Write the loss of a candidate against every draw into ``output`` (m,).

    ``draws`` (m, n) is the transpose of ``groups``.
    """
    n = labels.shape[0]
    joint, sizes = np.empty((n_groups, n_clusters), np.int32), np.zeros(n_clusters, np.int32)
    for row in range(n):
        sizes[labels[row]] += 1
    own = 0.0
    for cluster in range(n_clusters):
        own += heights[sizes[cluster]]
    for draw in range(draws.shape[0]):
        joint[:] = 0
        for row in range(n):
            joint[draws[draw, row], labels[row]] += 1
        shared, drawn = 0.0, 0.0
        for group in range(n_groups):
            size = 0
            for cluster in range(n_clusters):
                size += joint[group, cluster]
                shared += heights[joint[group, cluster]]
            drawn += heights[size]
        output[draw] = loss(kind, a, shared, drawn, own, n)


@inlined
def _place(candidate, groups, rises, row, cluster):
    """Allocate a row to a cluster, which is new if its number is that of clusters."""
    labels, sizes, joint, drawn_sizes, drawn, shared, counts = candidate
    labels[row] = cluster
    counts[_OWN] += rises[sizes[cluster]]
    counts[_ALLOCATED] += 1.0
    counts[_CLUSTERS] = max(counts[_CLUSTERS], cluster + 1.0)
    sizes[cluster] += 1
    for draw in range(groups.shape[1]):
        group = groups[row, draw]
        shared[draw] += rises[joint[draw, group, cluster]]
        drawn[draw] += rises[drawn_sizes[draw, group]]
        joint[draw, group, cluster] += 1
        drawn_sizes[draw, group] += 1


@inlined
def _take(candidate, groups, rises, row):
    """Remove a row from its cluster; if that is then empty, the last cluster gets its number."""
    labels, sizes, joint, drawn_sizes, drawn, shared, counts = candidate
    cluster = labels[row]
    labels[row] = -1
    sizes[cluster] -= 1
    counts[_OWN] -= rises[sizes[cluster]]
    counts[_ALLOCATED] -= 1.0
    for draw in range(groups.shape[1]):
        group = groups[row, draw]
        joint[draw, group, cluster] -= 1
        drawn_sizes[draw, group] -= 1
        shared[draw] -= rises[joint[draw, group, cluster]]
        drawn[draw] -= rises[drawn_sizes[draw, group]]
    if sizes[cluster] == 0:
        last = int(counts[_CLUSTERS]) - 1
        counts[_CLUSTERS] -= 1.0
        sizes[cluster], sizes[last] = sizes[last], 0
        for other in range(labels.shape[0]):
            if labels[other] == last:
                labels[other] = cluster
        for draw in range(joint.shape[0]):
            for group in range(joint.shape[1]):
                joint[draw, group, cluster] = joint[draw, group, last]
                joint[draw, group, last] = 0


@inlined
def _add_rises(candidate, groups, rises, row, own, costs):
    """Write the increase of the sums over intersections, over all draws, for every cluster."""
    joint, counts = candidate.joint, candidate.counts
    n_clusters, n_draws = int(counts[_CLUSTERS]), groups.shape[1]
    for draw in range(n_draws):
        sizes = joint[draw, groups[row, draw]]
        for cluster in range(n_clusters):
            costs[cluster] += rises[sizes[cluster]]
        if own >= 0:  # its cluster contains the row itself
            costs[own] += rises[sizes[own] - 1] - rises[sizes[own]]
    costs[n_clusters] = n_draws * rises[0]


@inlined
def _add_losses(candidate, groups, rises, kind, a, row, own, costs):
    """Write the loss with the row in each cluster, summed over draws."""
    _, sizes, joint, drawn_sizes, drawn, shared, counts = candidate
    n_clusters, n = int(counts[_CLUSTERS]), counts[_ALLOCATED] + (0.0 if own >= 0 else 1.0)
    without = counts[_OWN] - (rises[sizes[own] - 1] if own >= 0 else 0.0)
    for draw in range(groups.shape[1]):
        group = groups[row, draw]
        beside, of_draw = shared[draw], drawn[draw]
        if own >= 0:
            beside -= rises[joint[draw, group, own] - 1]
        else:
            of_draw += rises[drawn_sizes[draw, group]]
        for cluster in range(n_clusters + 1):
            less = 1 if cluster == own else 0
            together = beside + rises[joint[draw, group, cluster] - less]
            of_candidate = without + rises[sizes[cluster] - less]
            costs[cluster] += loss(kind, a, together, of_draw, of_candidate, n)


@inlined
def _best_cluster(candidate, groups, rises, kind, a, most_clusters, row, costs):
    """Return the best cluster of a row; the number of clusters stands for a new one."""
    labels, sizes, counts = candidate.labels, candidate.sizes, candidate.counts
    own, n_clusters, n_draws = labels[row], int(counts[_CLUSTERS]), groups.shape[1]
    costs[: n_clusters + 1] = 0.0
    if kind <= BINDER:  # the loss is linear in the sums
        _add_rises(candidate, groups, rises, row, own, costs)
        for cluster in range(n_clusters + 1):
            size = sizes[cluster] - (1 if cluster == own else 0)
            rise = (2.0 - a) * n_draws * rises[size]
            costs[cluster] = rise - 2.0 * costs[cluster]
    else:
        _add_losses(candidate, groups, rises, kind, a, row, own, costs)
    scale = rises[rises.shape[0] - 1] if kind <= BINDER else 1.0
    best, least_gain = max(own, 0), _LEAST_GAIN * n_draws * scale
    for cluster in range(n_clusters + 1):
        if (
            cluster == n_clusters
            and (n_clusters > 0)
            and (n_clusters >= most_clusters or (own >= 0 and sizes[own] == 1))
        ):
            break
        if costs[cluster] < costs[best] - least_gain:
            best = cluster
    return best


@inlined
def _shuffled(items, n_items, seed, counter):
    """Put the first items in random order; return the counter of the next random number."""
    for last in range(n_items - 1, 0, -1):
        other = int(uniform(seed, counter) * (last + 1))
        items[last], items[other] = items[other], items[last]
        counter += 1
    return counter


@inlined
def _expected_loss(candidate, kind, a):
    drawn, shared, counts = candidate.drawn, candidate.shared, candidate.counts
    total = 0.0
    for draw in range(drawn.shape[0]):
        total += loss(kind, a, shared[draw], drawn[draw], counts[_OWN], counts[_ALLOCATED])
    return total / drawn.shape[0]


@inlined
def _settle(candidate, groups, rises, kind, a, most_clusters, order, n_items, costs, seed, counter):
    """Allocate the first rows in order, then move rows until no move lowers the loss.

    Returns the counter of the next random number; -1 if there was no room for another cluster.
    """
    labels, sizes, counts = candidate.labels, candidate.sizes, candidate.counts
    room = sizes.shape[0] - 1  # the last entry stays empty, for the evaluation of a new cluster
    for _ in range(_MOST_SCANS):
        moved = False
        for place in range(n_items):
            row = order[place]
            own = labels[row]
            best = _best_cluster(candidate, groups, rises, kind, a, most_clusters, row, costs)
            if best == own:
                continue
            if best >= room:
                return -1
            moved = True
            if own >= 0:
                n_clusters = counts[_CLUSTERS]
                _take(candidate, groups, rises, row)
                if counts[_CLUSTERS] < n_clusters and best == int(counts[_CLUSTERS]):
                    best = own  # the last cluster has the number of the emptied one
            _place(candidate, groups, rises, row, best)
        if not moved and n_items == order.shape[0]:
            break
        n_items = order.shape[0]
        counter = _shuffled(order, n_items, seed, counter)
    return counter


@inlined
def _empty(n, n_draws, n_groups, room):
    """Return a candidate without allocated rows."""
    return _Candidate(
        labels=np.full(n, -1, np.int32),
        sizes=np.zeros(room + 1, np.int32),
        joint=np.zeros((n_draws, n_groups, room + 1), np.int32),
        drawn_sizes=np.zeros((n_draws, n_groups), np.int32),
        drawn=np.zeros(n_draws),
        shared=np.zeros(n_draws),
        counts=np.zeros(3),
    )


@inlined
def _copy(source, target):
    target.labels[:], target.sizes[:], target.joint[:] = source.labels, source.sizes, source.joint
    target.drawn_sizes[:], target.counts[:] = source.drawn_sizes, source.counts
    target.drawn[:], target.shared[:] = source.drawn, source.shared


@inlined
def _first(chosen, order):
    """Put the chosen rows first in the order; return their number."""
    front, back = 0, chosen.shape[0]
    for row in range(chosen.shape[0]):
        if chosen[row]:
            order[front] = row
            front += 1
        else:
            back -= 1
            order[back] = row
    return front


@compiled
def search(groups, n_groups, rises, kind, a, most_clusters, most_attempts, room, seed, labels):
    """Search for the best partition by SALSO (Dahl, Johnson & Mueller, 2022), from given labels.

    Rows without a cluster are allocated in random order (sequential allocation), rows are moved one
    at a time while the expected loss decreases (sweetening), and whole clusters are dissolved and
    allocated again (zealous updates). Writes ``labels`` (n,), and returns the expected loss and the
    number of clusters, or zero clusters if ``room`` was too small.
    """
    n, n_draws = groups.shape
    candidate = _empty(n, n_draws, n_groups, room)
    before = _empty(n, n_draws, n_groups, room)
    counts, order, costs = candidate.counts, np.arange(n), np.empty(room + 1)
    for row in range(n):
        if labels[row] >= 0:
            _place(candidate, groups, rises, row, labels[row])
    n_items, counter = _first(labels < 0, order), 0
    best, clusters = np.inf, np.arange(1)
    for attempt in range(most_attempts + 1):
        if attempt > 0:
            if attempt > clusters.shape[0]:
                break
            chosen = min(clusters[attempt - 1], int(counts[_CLUSTERS]) - 1)
            n_items = _first(candidate.labels == chosen, order)
            for place in range(n_items):
                _take(candidate, groups, rises, order[place])
        counter = _shuffled(order, n_items if n_items > 0 else n, seed, counter)
        counter = _settle(
            candidate, groups, rises, kind, a, most_clusters, order,
            n_items if n_items > 0 else n, costs, seed, counter,
        )  # fmt: skip
        if counter < 0:
            return 0.0, 0
        now = _expected_loss(candidate, kind, a)
        if now < best - _LEAST_GAIN:
            best = now
            _copy(candidate, before)
        else:
            _copy(before, candidate)
        if attempt == 0:
            clusters = np.arange(int(counts[_CLUSTERS]))
            counter = _shuffled(clusters, clusters.shape[0], seed, counter)
    labels[:] = candidate.labels
    return best, int(counts[_CLUSTERS])

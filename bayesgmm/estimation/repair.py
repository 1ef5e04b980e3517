"""Repairs of a local optimum: one component is removed, and another one is split.

The removed component is merged with another, or left out, with the smallest loss; and the component
with the largest gain is split in two. The most promising repairs are optimized by EM, and kept if
they are better, until none is. Ueda, Nakano, Ghahramani & Hinton (2000) rank mergers and splits by
measures of fit; here losses and gains are bounds of the change of the objective, which are
additive.

Axes: components k, features d, pairs of components p.

References
----------
Ueda, N., Nakano, R., Ghahramani, Z. and Hinton, G. E. (2000). SMEM algorithm for mixture models.
Neural Computation 12, 2109-2128.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import xlogy

from bayesgmm.estimation.surrogate import Mode, Surrogate
from bayesgmm.numerics.kernels.em_moves import pair_entropies, split_gains
from bayesgmm.numerics.kernels.em_starts import moments_of, split_axes
from bayesgmm.numerics.rows import as_compiled
from bayesgmm.numerics.statistics import responsibilities
from bayesgmm.parameters import MixtureParameters

_MOST_PAIRS, _MOST_SINGLES, _MOST_SPLITS = 5, 3, 5  # that are combined with each other
_PAIRS_EACH = 4  # for every component, that are looked at: near each other, or undecided
_STEPS = 4  # of EM within a component, before its gain is read
_AT_ONCE, _TRIES = 5, 2  # repairs that are compared, and how often, before there is none
_SCREENING = 3  # steps of EM, after which they are compared
_LEAST_GAIN = 0.02
_REPAIRS_EACH = 3  # for every component, at most
_FORBIDDEN = -1e4  # stands for the logarithm of zero, times which a responsibility of zero is zero


def repaired(surrogate: Surrogate, mode: Mode) -> Mode:
    """Repair a mode of the surrogate while that improves it."""
    for _ in range(_REPAIRS_EACH * mode.parameters.n_components):
        better = _better(surrogate, mode)
        if better is None:
            break
        mode = better
    return mode


def _better(surrogate: Surrogate, mode: Mode) -> Mode | None:
    positions = _Repairs(surrogate, mode).positions()
    for _ in range(_TRIES):
        some = list(islice(positions, _AT_ONCE))
        if not some:
            return None
        goal = mode.height + _LEAST_GAIN
        found = surrogate.optimize(some, screening=_SCREENING, goal=goal)
        if found is not None and found.height > goal:
            return found
    return None


class _Halves(NamedTuple):
    """Gains of splits of components, and their halves."""

    gains: Float[np.ndarray, " k"]
    firsts: Float[np.ndarray, " k"]
    means: Float[np.ndarray, "k 2 d"]
    covariances: Float[np.ndarray, "k 2 d d"]


class _Removals(NamedTuple):
    """Mixtures without one component: losses, removed components, and their heirs.

    ``heirs`` are the components that take over its rows; -1 if all do.
    """

    losses: list[float]
    freed: list[int]
    heirs: list[int]


@dataclass(frozen=True, eq=False)
class _Repairs:
    """All repairs of one mode, the most promising first."""

    surrogate: Surrogate
    mode: Mode

    def positions(self) -> Iterator[Float[np.ndarray, " p"]]:
        """Yield where EM may begin."""
        pairs, singles = self._pairs(), self._singles()
        wholes, merged = self._split(self._weighted), self._split_mergers(pairs)
        best = np.argsort(-wholes.gains, kind="stable")[:_MOST_SPLITS]
        options: list[tuple[float, int, int, int, _Halves, int]] = []
        for number, (loss, freed, heir) in enumerate(zip(*pairs, strict=True)):
            options.append((merged.gains[number] - loss, freed, heir, heir, merged, number))
            options += [
                (wholes.gains[split] - loss, freed, heir, split, wholes, split)
                for split in best
                if split not in (freed, heir)
            ]
        for loss, freed, heir in zip(*singles, strict=True):
            options += [
                (wholes.gains[split] - loss, freed, heir, split, wholes, split)
                for split in best
                if split != freed
            ]
        for gain, freed, heir, split, halves, number in sorted(options, key=lambda one: -one[0]):
            position = (
                self._position(freed, heir, split, halves, number) if np.isfinite(gain) else None
            )
            if position is not None:
                yield position

    def _position(
        self, freed: int, heir: int, split: int, halves: _Halves, number: int
    ) -> Float[np.ndarray, " p"] | None:
        weights, means = self._parameters.weights.copy(), self._parameters.means.copy()
        covariances = self._covariances.copy()
        if heir >= 0:
            means[heir], covariances[heir] = self._merged(heir, freed)
            weights[heir] += weights[freed]
        else:
            weights /= 1.0 - weights[freed]
        weights[freed] = weights[split] * (1.0 - halves.firsts[number])
        weights[split] *= halves.firsts[number]
        means[[split, freed]] = halves.means[number]
        covariances[[split, freed]] = halves.covariances[number]
        return self.surrogate.position_of(weights, means, covariances)

    def _pairs(self) -> _Removals:
        """Return the mergers that lose least."""
        heirs, freed = self._near_pairs()
        losses = self._merger_losses(heirs, freed)
        order = np.argsort(losses, kind="stable")[:_MOST_PAIRS]
        return _Removals(*(side[order].tolist() for side in (losses, freed, heirs)))

    def _near_pairs(self) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
        """Return pairs of components whose means are near, or whose assignments are uncertain.

        The second would become part of the first; where labels tell them apart, that is not the
        same as the other way round.
        """
        k = self._counts.size
        first, second = np.nonzero(
            ~np.eye(k, dtype=bool) if self._has_labels else np.triu(np.ones((k, k)), 1)
        )
        most = _PAIRS_EACH * k
        if first.size > 2 * most:
            apart = np.sum((self._means[first] - self._means[second]) ** 2, axis=1)
            entropies = -self._entropies[0][first, second]
            best = [np.argsort(key, kind="stable")[:most] for key in (apart, entropies)]
            chosen = np.unique(np.concatenate(best))
            first, second = first[chosen], second[chosen]
        return first, second

    def _singles(self) -> _Removals:
        """Return the components whose rows the others take over at the smallest loss."""
        losses = self._deletion_losses
        freed = np.argsort(losses, kind="stable")[:_MOST_SINGLES].tolist()
        return _Removals([float(losses[one]) for one in freed], freed, [-1] * len(freed))

    def _split_mergers(self, pairs: _Removals) -> _Halves:
        """Split merged components anew."""
        resp = self._weighted[:, pairs.heirs] + self._weighted[:, pairs.freed]
        return self._split(resp)

    def _split(self, resp: Float[np.ndarray, "n p"]) -> _Halves:
        resp, surrogate = as_compiled(resp), self.surrogate
        counts, _, scatter, axes = split_axes(self._values, resp)
        covariances = (
            np.broadcast_to(self._covariances[0], scatter.shape)
            if self._tied
            else self._structured(scatter, counts)
        )
        halves = split_gains(
            self._values, resp, axes, as_compiled(covariances), surrogate.mixture_prior,
            surrogate.layout.covariances.correlated, self._tied, _STEPS,
        )  # fmt: skip
        return _Halves(*halves)

    def _merger_losses(
        self, heirs: Int[np.ndarray, " p"], freed: Int[np.ndarray, " p"]
    ) -> Float[np.ndarray, " p"]:
        """Return what is lost where one component becomes part of another.

        With responsibilities added up, the logarithm of the density is at least what it is with
        known components, which has a closed form; the entropy is what this leaves out now.
        """
        one, other = self._counts[heirs], self._counts[freed]
        losses = xlogy(one, one) + xlogy(other, other) - xlogy(one + other, one + other)
        losses = losses + self._entropies[0][heirs, freed]
        if self._has_labels:  # which may speak for the second, and against the first
            known = np.maximum(self.surrogate.rows.label_log_likelihoods, _FORBIDDEN)
            totals = known.T @ self._weighted
            losses = losses + totals[freed, freed] - totals[heirs, freed]
        between = self._scatter_between(heirs, freed)
        if self._tied:
            total = self._counts.sum() + self.surrogate.mixture_prior.covariances.count
            before = np.linalg.slogdet(self._covariances[0])[1]
            wider = self._projected(self._covariances[0] + between / total)
            return losses + 0.5 * total * (np.linalg.slogdet(wider)[1] - before)
        heights = self._heights(self._counts, self._scatter)
        merged = self._scatter[heirs] + self._scatter[freed] + between
        return losses + heights[heirs] + heights[freed] - self._heights(one + other, merged)

    @cached_property
    def _deletion_losses(self) -> Float[np.ndarray, " k"]:
        """What is lost where all rows are shared out among the other components."""
        counts, total = self._counts, self._counts.sum()
        rest = np.maximum(1.0 - counts / total, np.finfo(float).tiny)
        losses = self._entropies[1] + total * np.log(rest)
        if self._tied:
            return losses
        prior, size = self.surrogate.mixture_prior.covariances, self._values.shape[1]
        traces = np.trace(
            np.linalg.solve(
                self._covariances, np.broadcast_to(np.eye(size), self._covariances.shape)
            ),
            axis1=-2,
            axis2=-1,
        )
        determinants = np.linalg.slogdet(self._covariances)[1]
        return losses - 0.5 * (prior.count * determinants + prior.scatter[0, 0] * traces)

    def _heights(
        self, counts: Float[np.ndarray, " p"], scatter: Float[np.ndarray, "p d d"]
    ) -> Float[np.ndarray, " p"]:
        """Return log densities of rows under the best covariance matrix, up to constants."""
        size = scatter.shape[-1]
        determinants = np.linalg.slogdet(self._structured(scatter, counts))[1]
        rows = counts + self.surrogate.mixture_prior.covariances.count
        return -0.5 * rows * (determinants + size)

    def _structured(
        self, scatter: Float[np.ndarray, "p d d"], counts: Float[np.ndarray, " p"]
    ) -> Float[np.ndarray, "p d d"]:
        """Return the best covariance matrices, prior rows among them."""
        prior, size = self.surrogate.mixture_prior.covariances, scatter.shape[-1]
        rows = np.maximum(counts + prior.count, np.finfo(float).tiny)[:, None, None]
        return self._projected((scatter + prior.scatter[0, 0] * np.eye(size)) / rows)

    def _projected(
        self, covariances: Float[np.ndarray, "*batch d d"]
    ) -> Float[np.ndarray, "*batch d d"]:
        """Return what the structure can hold of covariance matrices."""
        structure, size = self.surrogate.layout.covariances, covariances.shape[-1]
        if structure.isotropic:
            variances = np.trace(covariances, axis1=-2, axis2=-1) / size
            return variances[..., None, None] * np.eye(size)
        return covariances if structure.correlated else covariances * np.eye(size)

    def _merged(self, heir: int, freed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and covariance matrix of two components together."""
        counts = self._counts[[heir, freed]]
        mean = counts @ self._means[[heir, freed]] / counts.sum()
        if self._tied:
            return mean, self._covariances[0]
        between = self._scatter_between(np.array([heir]), np.array([freed]))
        scatter = self._scatter[[heir, freed]].sum(axis=0, keepdims=True) + between
        return mean, self._structured(scatter, counts.sum(keepdims=True))[0]

    def _scatter_between(
        self, first: Int[np.ndarray, " p"], second: Int[np.ndarray, " p"]
    ) -> Float[np.ndarray, "p d d"]:
        """Return the scatter of two means about their common mean."""
        gaps = self._means[first] - self._means[second]
        both = np.maximum(self._counts[first] + self._counts[second], np.finfo(float).tiny)
        factors = self._counts[first] * self._counts[second] / both
        return factors[:, None, None] * gaps[:, :, None] * gaps[:, None, :]

    @property
    def _parameters(self) -> MixtureParameters:
        return self.mode.parameters

    @cached_property
    def _covariances(self) -> Float[np.ndarray, "k d d"]:
        return self.mode.parameters.covariances

    @property
    def _tied(self) -> bool:
        return self.surrogate.layout.covariances.tied

    @property
    def _has_labels(self) -> bool:
        return self.surrogate.rows.has_labels

    @cached_property
    def _values(self) -> Float[np.ndarray, "n d"]:
        return self.surrogate.rows.arrays[0]

    @cached_property
    def _responsibilities(self) -> Float[np.ndarray, "n k"]:
        return responsibilities(self.surrogate.rows, self.mode.parameters)

    @cached_property
    def _weighted(self) -> Float[np.ndarray, "n k"]:
        """Responsibilities, as often as rows count."""
        return self._responsibilities * self.surrogate.counts[:, None]

    @cached_property
    def _entropies(self) -> tuple[Float[np.ndarray, "k k"], Float[np.ndarray, " k"]]:
        return pair_entropies(self._responsibilities, self.surrogate.counts)

    @cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return moments_of(self._values, self._weighted)

    @property
    def _counts(self) -> Float[np.ndarray, " k"]:
        return self._moments[0]

    @property
    def _means(self) -> Float[np.ndarray, "k d"]:
        return self._moments[1]

    @property
    def _scatter(self) -> Float[np.ndarray, "k d d"]:
        return self._moments[2]

"""Importance sampling: how far an approximation is from the posterior, and draws that correct it.

References
----------
Cornuet, J.-M., Marin, J.-M., Mira, A. and Robert, C. P. (2012). Adaptive multiple importance
sampling. Scandinavian Journal of Statistics 39, 798-812.

Kitagawa, G. (1996). Monte Carlo filter and smoother for non-Gaussian nonlinear state space models.
Journal of Computational and Graphical Statistics 5, 1-25.

Paananen, T., Piironen, J., Buerkner, P.-C. and Vehtari, A. (2021). Implicitly adaptive importance
sampling. Statistics and Computing 31, 16.

Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024). Pareto smoothed
importance sampling. Journal of Machine Learning Research 25(72), 1-58.

Yao, Y., Vehtari, A., Simpson, D. and Gelman, A. (2018). Yes, but did it work? Evaluating
variational inference. Proceedings of Machine Learning Research 80, 5581-5590.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.special import logsumexp

from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.quasi_newton import Function
from bayesgmm.progress import announce_interruption, waiting

PARETO_LIMIT = 0.7
"""Above, importance weights cannot correct an approximation (Yao et al., 2018, section 2.1)."""

CLOSE = 0.5
"""Below, weights have a finite variance and their corrections converge quickly (the same)."""

ESS_LIMIT = 400
"""Effective draws below which a sample is too small, and R-hat of chains too noisy.

That is the recommendation of Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021) for chains, in
the bulk and in the tails."""

_FEWEST_DRAWS = 30  # with fewer, the tail that Pareto k describes has less than six
_MOST_ROUNDS = 5
_WANTED = 0.5  # effective draws, in units of the draws that are asked for, at which rounds end
_HOPELESS = 0.02  # effective draws, in units of those proposed, below which rounds end
_FREEDOM = 10.0  # of proposals, more than there are parameters: their tails are a little heavier
_AT_ONCE = 50  # log densities that a thread takes in turn


def pareto_k(log_weights: Float[np.ndarray, " draw"]) -> float | None:
    """Return the shape of the tail of importance weights; ``None`` for too few draws.

    Below 0.5 the approximation is close, above 0.7 it is too far for importance weights to
    correct it (Yao et al., 2018; Vehtari et al., 2024). The tail is the largest fifth, or the
    3 sqrt(n) largest where those are fewer. Where its weights are all equal they are bounded, and
    the shape is 0: no tail. Where one is all that numbers can tell from zero, it is infinite.
    """
    return _smoothed(log_weights)[1]


def _smoothed(log_weights: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Return log weights that sum to one, the largest ones smoothed, and Pareto k."""
    plain = log_weights - logsumexp(log_weights)
    if log_weights.size < _FEWEST_DRAWS:
        return plain, None
    tail_size = min(log_weights.size // 5, math.floor(3 * math.sqrt(log_weights.size)))
    if np.ptp(np.sort(log_weights)[-tail_size:]) == 0:
        return plain, 0.0
    from arviz_stats.base import array_stats

    with np.errstate(all="ignore"):  # where a weight is zero
        smoothed, shape = array_stats.psislw(-log_weights)  # it takes the negative logarithms
    return smoothed, math.inf if math.isnan(shape) else float(shape)


@dataclass(frozen=True, eq=False)
class StudentT:
    """A t distribution of positions with the location and root of a normal one."""

    normal: NormalApproximation
    freedom: float

    def draw(self, n_draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw p"]:
        """Return positions."""
        noise = rng.standard_normal((n_draws, self.normal.center.size))
        noise *= np.sqrt(self.freedom / rng.chisquare(self.freedom, n_draws))[:, None]
        return self.normal.positions(noise)

    def log_density(self, positions: Float[np.ndarray, "draw p"]) -> Float[np.ndarray, " draw"]:
        """Return the log density at positions."""
        size, freedom = self.normal.center.size, self.freedom
        squares = np.sum(self.normal.noise(positions) ** 2, axis=-1)
        constant = math.lgamma(0.5 * (freedom + size)) - math.lgamma(0.5 * freedom)
        constant -= 0.5 * size * math.log(freedom * math.pi) + self.normal.log_root_determinant
        return constant - 0.5 * (freedom + size) * np.log1p(squares / freedom)


@dataclass(frozen=True, eq=False)
class WeightedDraws:
    """Positions with their log densities under the posterior and the proposal.

    Attributes
    ----------
    positions : array, shape (draw, p)
    log_p, log_q : array, shape (draw,)
    partial : bool
        Whether an interrupt ended the rounds.
    """

    positions: Float[np.ndarray, "draw p"]
    log_p: Float[np.ndarray, " draw"]
    log_q: Float[np.ndarray, " draw"]
    partial: bool = False

    @cached_property
    def _smoothed(self) -> tuple[np.ndarray, float | None]:
        log_weights = self.log_p - self.log_q
        return _smoothed(np.where(np.isfinite(log_weights), log_weights, -np.inf))

    @property
    def pareto_k(self) -> float | None:
        """The shape of the tail of the weights."""
        return self._smoothed[1]

    @cached_property
    def weights(self) -> Float[np.ndarray, " draw"]:
        """Pareto-smoothed weights that sum to one."""
        weights = np.exp(self._smoothed[0])
        return weights / weights.sum()

    @property
    def effective(self) -> float:
        """Effective sample size of the weights (Kong, 1992)."""
        return float(1.0 / np.sum(self.weights**2))

    def resampled(self, n_draws: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """Return places of draws, drawn in proportion to their weights, in random order.

        Systematic resampling (Kitagawa, 1996): a draw comes n w times, rounded up or down, so
        that none comes twice unless its weight is above 1 / n.
        """
        order = rng.permutation(self.weights.size)
        steps = (np.arange(n_draws) + rng.random()) / n_draws
        chosen = np.searchsorted(np.cumsum(self.weights[order]), steps)
        return rng.permutation(order[np.minimum(chosen, order.size - 1)])


def importance_sample(
    log_density: Function,
    normal: NormalApproximation,
    n_draws: int,
    rng: np.random.Generator,
    *,
    progress: bool = False,
) -> WeightedDraws:
    """Draw around a normal approximation, and improve it, until importance weights are good.

    Every round proposes as many draws as are asked for, from a t distribution around the normal
    one, whose means and deviations are then moved to those that the weighted draws have (Paananen
    et al., 2021). Draws of all rounds are weighted by the mixture of their proposals (Cornuet et
    al., 2012). There are at least two rounds: resampling needs more draws than it returns. An
    interrupt after the first round ends the rounds.
    """
    with waiting("weighting draws around the mode", visible=progress):
        for sample in _rounds(log_density, normal, n_draws, rng):
            k = sample.pareto_k
            is_good = k is not None and k < CLOSE and sample.effective > _WANTED * n_draws
            is_hopeless = sample.effective < _HOPELESS * sample.log_p.size
            if sample.log_p.size > n_draws and (is_good or is_hopeless):
                break
    return sample


def _rounds(
    log_density: Function, normal: NormalApproximation, n_draws: int, rng: np.random.Generator
) -> Iterator[WeightedDraws]:
    """Yield the weighted draws of all rounds so far."""
    proposals: list[StudentT] = []
    sample: WeightedDraws | None = None
    positions, log_p = np.empty((0, normal.center.size)), np.empty(0)
    for _ in range(_MOST_ROUNDS):
        proposal = StudentT(normal, normal.center.size + _FREEDOM)
        new = proposal.draw(n_draws, rng)
        try:
            log_p = np.concatenate([log_p, log_densities(log_density, new)])
        except KeyboardInterrupt:
            if sample is None:
                raise
            announce_interruption()
            yield replace(sample, partial=True)
            return
        proposals.append(proposal)
        positions = np.concatenate([positions, new])
        log_q = logsumexp([one.log_density(positions) for one in proposals], axis=0)
        sample = WeightedDraws(positions, log_p, log_q - math.log(len(proposals)))
        yield sample
        normal = _moved(normal, sample)


def log_densities(log_density: Function, positions: np.ndarray) -> Float[np.ndarray, " draw"]:
    """Return the log density at each of some positions, which threads share."""
    values = np.empty(len(positions))

    def work(number: int) -> None:
        for place in range(number * _AT_ONCE, min((number + 1) * _AT_ONCE, len(positions))):
            values[place] = log_density(positions[place])[0]

    for_each(-(-len(positions) // _AT_ONCE), work)
    return values


def _moved(normal: NormalApproximation, sample: WeightedDraws) -> NormalApproximation:
    """Return the approximation with the means and deviations of weighted draws.

    The fewer effective draws there are, the less it is moved.
    """
    noise, weights = normal.noise(sample.positions), sample.weights
    trust = sample.effective / (sample.effective + noise.shape[1])
    mean = trust * (weights @ noise)
    variance = weights @ (noise - mean) ** 2
    deviations = np.sqrt(1.0 + trust * (variance - 1.0))
    center = normal.positions(mean)
    return NormalApproximation(center, np.ascontiguousarray(normal.root * deviations))

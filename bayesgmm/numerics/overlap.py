"""Overlap of components: pairwise misclassification probabilities.

For components i and j,

    w_ij = P( pi_j N(x | mu_j, Sigma_j) > pi_i N(x | mu_i, Sigma_i) ),  x ~ N(mu_i, Sigma_i),

and the overlap of the pair is w_ij + w_ji (Maitra and Melnykov, 2010). With z = L_i^-1 (x - mu_i),
rotated so that L_i' Sigma_j^-1 L_i is diagonal with entries l, the event is that

    sum_l (l - 1) z_l^2 + 2 b_l z_l < 2 log(pi_j / pi_i) + sum_l log(l) - |L_j^-1 (mu_i - mu_j)|^2.

Axes: batch axes first, then components k, and for the pairs p both ways round.

They are probabilities that a quadratic form in normal variables is below a number.

With z_1, ..., z_d independent and standard normal, Q = sum_l a_l z_l^2 + 2 b_l z_l has the
cumulant generating function

    K(s) = sum_l [ 2 s^2 b_l^2 / (1 - 2 s a_l) - log(1 - 2 s a_l) / 2 ],

and P(Q > c) is the integral of exp(K(s) - s c) / (2 pi i s) along any path to the right of zero
that ends at infinity and leaves the singularities of K, which are real, on their side. Imhof
(1961) and Davies (1980) integrate along a vertical line, where the integrand oscillates and decays
slowly. The path here starts upwards at the saddle point, as that of Rice (1980) does, and then
leans to the side where the integrand decays fastest. Steps along it are uniform in v,

    s(v) = s_0 + side * _LEAN * w (cosh(v) - 1) + i w sinh(v),

so that they grow with the distance from s_0. With w the width of the integrand at the saddle
point, one length of step serves every form; small probabilities keep their relative accuracy.
The side is 1, -1, or 0 where many scales meet and straight up is best.

Axes: forms n, variables d, steps m.

References
----------
Davies, R. B. (1980). Algorithm AS 155: the distribution of a linear combination of chi-squared
random variables. Applied Statistics 29, 323-333.
Imhof, J. P. (1961). Computing the distribution of quadratic forms in normal variables.
Biometrika 48, 419-426.
Maitra, R. and Melnykov, V. (2010). Simulating data to study performance of finite mixture modeling
and clustering algorithms. Journal of Computational and Graphical Statistics 19, 354-376.
Rice, S. O. (1980). Distribution of quadratic forms in normal random variables: evaluation by
numerical integration. SIAM Journal on Scientific and Statistical Computing 1, 438-448.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from bayesgmm.parameters import MixtureParameters

_LEAN = 0.5  # below 1, so that squares of s keep a negative real part far away

_STEP = 1.0 / 32.0
"""In v. As a rule the error is that of rounding; among 60 000 forms whose coefficients differ by up
to eleven powers of ten, the largest difference from a quarter of the step was 5e-8."""

_END = 48.0  # in v, by which even the slowest integrand, exp(-v), has decayed
_STEPS_AT_ONCE = 64
_NUMBERS_AT_ONCE = 500_000

_LOOK_STEP = 1.0 / 8.0  # in v, to choose a side by

_DEAD = 34.0
"""In logarithms: an integrand this far below its start is negligible. From there a vertical path
is possible, where the integrand only decreases."""

_HIGHEST = 100.0  # in logarithms: sides where the integrand rises by more are excluded

_CONSTANT = 1e-12  # standard deviation of a form that is zero but for rounding

_FARTHEST = 80.0  # of log(s) where the saddle point is sought, forms having unit variance
_HALVINGS = 60


def probability_below(
    squares: Float[np.ndarray, "n d"],
    products: Float[np.ndarray, "n d"],
    limits: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """Return P(sum_l a_l z_l^2 + 2 b_l z_l < c) for n forms.

    Parameters
    ----------
    squares, products : arrays, shape (n, d)
        a and b.
    limits : array, shape (n,)
        c; may be infinite. A form that is constant is below its own value with probability 1/2,
        the limit of those that vary a little.
    """
    deviations = np.sqrt((2.0 * squares**2 + 4.0 * products**2).sum(axis=-1))
    varies = (deviations > _CONSTANT) & np.isfinite(limits)
    below = np.where(np.abs(limits) <= _CONSTANT, 0.5, (limits > 0.0).astype(float))
    unit = deviations[varies]
    a, b, c = (
        squares[varies] / unit[:, None], products[varies] / unit[:, None], limits[varies] / unit,
    )  # fmt: skip
    # Q or -Q: the tail that does not contain the mean of the form, which is that of a.
    low = a.sum(axis=-1) > c
    sign = np.where(low, -1.0, 1.0)
    tails = np.empty(c.size)
    at_once = max(1, _NUMBERS_AT_ONCE // (_STEPS_AT_ONCE * a.shape[1]))
    for first in range(0, c.size, at_once):
        block = slice(first, first + at_once)
        tails[block] = _upper_tails(a[block] * sign[block, None], b[block], c[block] * sign[block])
    below[varies] = np.where(low, tails, 1.0 - tails)
    return below


def _upper_tails(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], c: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return P(Q > c) for forms of unit variance with means below c."""
    paths = _Paths.of(a, b, c)
    # The lower half of the path mirrors the upper; of the first step, half belongs to each.
    totals = -0.5 * np.exp(paths.log_integrands(np.zeros(1))).imag[:, 0]
    for rows, logs in paths.pieces(_STEP):
        totals[rows] += np.exp(logs).imag.sum(axis=1)
    return np.clip(totals * (_STEP / np.pi), 0.0, 1.0)


class _Paths(NamedTuple):
    """The paths of integration of some forms.

    Attributes
    ----------
    a, b : array, shape (n, d)
    c : array, shape (n,)
    starts, widths : array, shape (n,)
        Saddle points s_0, and widths w of the integrand there.
    sides : array, shape (n,)
        1, -1 or 0.
    """

    a: Float[np.ndarray, "n d"]
    b: Float[np.ndarray, "n d"]
    c: Float[np.ndarray, " n"]
    starts: Float[np.ndarray, " n"]
    widths: Float[np.ndarray, " n"]
    sides: Float[np.ndarray, " n"]

    @classmethod
    def of(
        cls, a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], c: Float[np.ndarray, " n"]
    ) -> _Paths:
        """Return the paths through the saddle points, each on the side of least oscillation."""
        starts = _saddle_points(a, b, c)
        vertical = cls(a, b, c, starts, 1.0 / np.sqrt(_curvature(starts, a, b)), np.zeros(c.size))
        sides, noise = np.array([1.0, -1.0, 0.0]), np.zeros((3, c.size))
        heights = vertical.heights()
        for side, found in zip(sides, noise, strict=True):
            for rows, logs in vertical._replace(sides=np.full(c.size, side)).pieces(_LOOK_STEP):
                relative = np.minimum(logs.real - heights[rows], _HIGHEST)
                turns = np.diff(logs.imag, axis=1) ** 2
                found[rows] += (np.exp(relative[:, 1:]) * turns).sum(axis=1)
        return vertical._replace(sides=sides[noise.argmin(axis=0)])

    def log_integrands(self, v: Float[np.ndarray, " m"]) -> Complex[np.ndarray, "n m"]:
        """Return the logarithm of exp(K(s) - s c) / s ds/dv at steps along the paths."""
        lean, widths = _LEAN * self.sides[:, None], self.widths[:, None]
        s = self.starts[:, None] + widths * (lean * (np.cosh(v) - 1.0) + 1j * np.sinh(v))
        slope = widths * (lean * np.sinh(v) + 1j * np.cosh(v))
        rest = 1.0 - 2.0 * s[:, :, None] * self.a[:, None, :]
        cumulants = 2.0 * (s[:, :, None] * self.b[:, None, :]) ** 2 / rest - 0.5 * np.log(rest)
        return cumulants.sum(axis=-1) - s * self.c[:, None] - np.log(s) + np.log(slope)

    def heights(self) -> Float[np.ndarray, "n 1"]:
        """Return the logarithm of the absolute integrand at the starts, the same for all sides."""
        return self.log_integrands(np.zeros(1)).real

    def pieces(
        self, step: float
    ) -> Iterator[tuple[Int[np.ndarray, " _"], Complex[np.ndarray, "_ m"]]]:
        """Follow the paths, some steps at a time, until the integrand is negligible.

        Yields the active forms, and the logarithms of their integrands, -inf for finished ones.
        """
        going, ends = np.arange(self.c.size), self.heights() - _DEAD
        for first in np.arange(0.0, _END, step * _STEPS_AT_ONCE):
            steps = first + step * np.arange(_STEPS_AT_ONCE)
            logs = _Paths(*(part[going] for part in self)).log_integrands(steps)
            alive = np.logical_and.accumulate(logs.real > ends[going], axis=1)
            yield going, np.where(alive, logs, -np.inf)
            going = going[alive[:, -1]]
            if going.size == 0:
                return


def _saddle_points(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], c: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return where K(s) - s c - log(s) is least, between zero and the first singularity.

    It is convex there. Where it falls for ever the form cannot exceed c, and the farthest point
    that is looked at gives a tail of zero.
    """
    inverse = 2.0 * np.maximum(a.max(axis=-1), 0.0)
    low, high = np.full(c.size, -_FARTHEST), np.full(c.size, _FARTHEST)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        rises = _slope(1.0 / (inverse + np.exp(-middle)), a, b, c) > 0.0
        low, high = np.where(rises, low, middle), np.where(rises, middle, high)
    return 1.0 / (inverse + np.exp(-low))


def _slope(
    s: Float[np.ndarray, " n"],
    a: Float[np.ndarray, "n d"],
    b: Float[np.ndarray, "n d"],
    c: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    at = s[:, None]
    # At the singularity itself, where rounding may lead, the slope is infinite.
    rest = np.maximum(1.0 - 2.0 * at * a, np.finfo(float).tiny ** 0.25)
    each = a / rest + 4.0 * at * b**2 * (1.0 - at * a) / rest**2
    return each.sum(axis=-1) - c - 1.0 / s


def _curvature(
    s: Float[np.ndarray, " n"], a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " n"]:
    rest = np.maximum(1.0 - 2.0 * s[:, None] * a, np.finfo(float).tiny ** 0.25)
    return (2.0 * (a / rest) ** 2 + 4.0 * b**2 / rest**3).sum(axis=-1) + 1.0 / s**2


def misclassification(mixtures: MixtureParameters) -> Float[np.ndarray, "*batch k k"]:
    """Return w: ``w[..., i, j]`` is how often a row of i is assigned to j; w_ii = 0."""
    k, d = mixtures.n_components, mixtures.n_features
    one, other = np.nonzero(~np.eye(k, dtype=bool))
    unit = mixtures.scales[..., :1, :]  # numbers near one, whatever the features are measured in
    roots = mixtures.cholesky / unit[..., None]
    apart = (mixtures.means[..., one, :] - mixtures.means[..., other, :]) / unit
    # L_j^-1 L_i = U diag(root of l) V', and L_j^-1 (mu_i - mu_j) turned by U' is b over root of l.
    both = np.concatenate([roots[..., one, :, :], apart[..., None]], axis=-1)
    solved = np.linalg.solve(roots[..., other, :, :], both)
    left, root, _ = np.linalg.svd(solved[..., :d])
    turned = np.einsum("...ij,...i->...j", left, solved[..., d])
    with np.errstate(divide="ignore", invalid="ignore"):  # weights of zero
        logs = np.log(mixtures.weights)
        odds = 2.0 * (logs[..., other] - logs[..., one])
    limits = odds + 2.0 * np.log(root).sum(axis=-1) - (turned**2).sum(axis=-1)
    below = probability_below(
        (root**2 - 1.0).reshape(-1, d), (root * turned).reshape(-1, d), limits.ravel()
    )
    answer = np.zeros((*mixtures.batch_shape, k, k))
    answer[..., one, other] = below.reshape(limits.shape)
    return answer


def pairwise_overlap(mixtures: MixtureParameters) -> Float[np.ndarray, "*batch k k"]:
    """Return the overlap of every pair, with ones on the diagonal."""
    wrong = misclassification(mixtures)
    return wrong + np.swapaxes(wrong, -1, -2) + np.eye(mixtures.n_components)

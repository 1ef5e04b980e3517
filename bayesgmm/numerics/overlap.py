"""How often rows of one component look like rows of another.

For components i and j,

    w_ij = P( pi_j N(x | mu_j, Sigma_j) > pi_i N(x | mu_i, Sigma_i) ),  x ~ N(mu_i, Sigma_i),

and the overlap of the pair is w_ij + w_ji (Maitra and Melnykov, 2010). With z = L_i^-1 (x - mu_i),
rotated so that L_i' Sigma_j^-1 L_i is diagonal with entries l, the event is that

    sum_l (l - 1) z_l^2 + 2 b_l z_l < 2 log(pi_j / pi_i) + sum_l log(l) - |L_j^-1 (mu_i - mu_j)|^2.

Axes: batch axes first, then components k, and for the pairs p both ways round.

References
----------
Maitra, R. and Melnykov, V. (2010). Simulating data to study performance of finite mixture modeling
and clustering algorithms. Journal of Computational and Graphical Statistics 19, 354-376.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bayesgmm.numerics.quadratic_forms import probability_below
from bayesgmm.parameters import MixtureParameters


def misclassification(mixtures: MixtureParameters) -> Float[np.ndarray, "*batch k k"]:
    """Return w: ``w[..., i, j]`` is how often a row of i is more probable under j; w_ii = 0."""
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
    """Return the overlap of every pair, and one on the diagonal: components overlap themselves."""
    wrong = misclassification(mixtures)
    return wrong + np.swapaxes(wrong, -1, -2) + np.eye(mixtures.n_components)

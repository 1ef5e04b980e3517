"""A handful of rows and an unknown number of components: the posterior by summing over partitions.

The model, in the notation of Fruehwirth-Schnatter, Malsiner-Walli & Gruen (2021):

    K ~ p(K),  K = 1, ..., K_max
    weights | K ~ Dirichlet(e, ..., e),  e = concentration (static) or concentration / K (dynamic)
    parameters of each component ~ the priors of a spec, independently
    rows | allocations ~ the normal distribution of their component

With weights, parameters and the names of the components integrated out, a partition C of n rows
into K+ clusters with N_1, N_2, ... rows has

    p(C, y | K) = K! / (K - K+)! Gamma(K e) / Gamma(K e + n)
                  prod_k Gamma(N_k + e) / Gamma(e) m(y_k),

where m(y_k) is the marginal density of the rows of one cluster. Eight rows have 4140 partitions, so
that the sum over all of them, and over K, is exact. The marginals are integrals over the mean, in
closed form, and the standard deviation, by quadrature: the priors of the package are not conjugate.

Everything here is written from the definitions, with the distributions of SciPy. A subset of the
rows is the whole number whose binary digits say which rows are in it: row i counts 2^i.

References
----------
Fruehwirth-Schnatter, S., Malsiner-Walli, G. and Gruen, B. (2021). Generalized mixtures of finite
mixtures and telescoping sampling. Bayesian Analysis 16, 1279-1307.

Greve, J., Gruen, B., Malsiner-Walli, G. and Fruehwirth-Schnatter, S. (2022). Spying on the prior of
the number of data clusters and the partition distribution in Bayesian cluster analysis. Australian
and New Zealand Journal of Statistics 64, 205-229.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special, stats

import bayesgmm as bg
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.spec import MixtureSpec
from tests.references.density import scale_distribution

ONE_FEATURE = np.array([-2.6, -2.4, -0.2, 0.5, 2.4, 2.7])
"""Two clumps and two rows between them."""

ONE_FEATURE_SPEC = MixtureSpec(
    1,
    means=bg.NormalMeans(0.2, 2.5),
    covariances=bg.Full(bg.HalfT(0.6)),
    resolution=0.5,
)
"""The resolution takes away a sixth of the prior of a standard deviation, so that it matters."""

TWO_FEATURES = np.array(
    [[-1.3, -0.7], [-1.0, -1.2], [-0.2, np.nan], [0.5, 0.2], [1.1, 0.9], [1.5, 1.2]]
)
"""Two clumps and two rows between them, one of which has a missing cell."""

TWO_FEATURES_SPEC = MixtureSpec(
    1,
    means=bg.NormalMeans((0.0, 0.2), (1.5, 1.8)),
    covariances=bg.Diagonal(bg.HalfT((0.8, 1.0))),
    resolution=(0.6, 0.8),
)

STEP = 0.02
REACH = 40.0


class Concentrations(NamedTuple):
    """A prior of the concentration, as nodes with the logarithms of their probabilities."""

    values: np.ndarray
    log_weights: np.ndarray

    @classmethod
    def of(cls, distribution, step: float = 0.2) -> Concentrations:
        """Return equidistant nodes in the logarithm; outside of them lies 2e-16 of the prior.

        Parameters
        ----------
        distribution : frozen distribution of SciPy
            On the positive numbers, such as ``stats.f(6, 3)``.
        step : float
            Distance of the nodes.
        """
        low, high = np.log([distribution.ppf(1e-16), distribution.isf(1e-16)])
        logarithms = np.arange(low, high + step, step)
        log_weights = distribution.logpdf(np.exp(logarithms)) + logarithms
        return cls(np.exp(logarithms), log_weights - special.logsumexp(log_weights))


class Exact(NamedTuple):
    """The posterior of a mixture with an unknown number of components, without labels.

    Attributes
    ----------
    number : array, shape (K_max,)
        p(K | rows), K = 1, ..., K_max.
    clusters : array, shape (min(K_max, n_named + n),)
        p(K+ | rows), K+ = 1, 2, ....
    co_clustering : array, shape (n, n)
        The probability that two rows are in the same cluster.
    log_evidence : float
        log p(rows), or log p(rows, labels). Of the rows with and without a further one it gives the
        predictive density.
    concentration : array
        The posterior probabilities of the nodes of the concentration; one entry if it is fixed.
    """

    number: np.ndarray
    clusters: np.ndarray
    co_clustering: np.ndarray
    log_evidence: float
    concentration: np.ndarray


def log_marginals(rows: np.ndarray, spec: MixtureSpec) -> np.ndarray:
    """Return the log density of every subset of the rows under one component.

    Parameters
    ----------
    rows : array, shape (n,) or (n, d)
        NaN marks a missing cell.
    spec : MixtureSpec
        With a number for every hyperparameter of means and covariances, in the units of the rows,
        the same for all components. Several features must be independent (``Diagonal``).

    Returns
    -------
    array, shape (2^n,)
        The entry at 2^i + 2^j + ... is that of rows i, j, ...; the first, of no rows, is zero.

    Raises
    ------
    ValueError
        If components share their covariance matrix, or features are not independent.
    """
    table = np.asarray(rows, dtype=float)
    table = table[:, None] if table.ndim == 1 else table
    n, d = table.shape
    variances, log_prior = scale_nodes(spec, d)
    loc, deviation = (np.broadcast_to(each, d) for each in (spec.means.loc, spec.means.scale))
    subsets = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
    total = np.zeros(2**n)
    for j in range(d):
        observed = ~np.isnan(table[:, j])
        values, members = table[observed, j] - loc[j], subsets[:, observed]
        counts = members.sum(axis=1)
        means = members @ values / np.maximum(counts, 1)
        within = np.where(members, (values - means[:, None]) ** 2, 0.0).sum(axis=1)
        log_densities = _log_densities(counts, means, within, variances, deviation[j])
        total += special.logsumexp(log_densities + log_prior[:, j], axis=1)
    return total


def _log_densities(
    counts: np.ndarray, means: np.ndarray, within: np.ndarray, variances: np.ndarray, tau: float
) -> np.ndarray:
    """Return log N(values | 0, variance I + tau^2 11') of every subset at every variance."""
    counts, means, within = (each[:, None] for each in (counts, means, within))
    of_sum = variances + counts * tau**2
    return -0.5 * (
        counts * np.log(2 * np.pi)
        + (counts - 1) * np.log(variances)
        + np.log(of_sum)
        + within / variances
        + counts * means**2 / of_sum
    )


def scale_nodes(spec: MixtureSpec, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes of sigma^2, and the logarithm of their prior probabilities for each feature.

    The nodes are equidistant in log(sigma). The integrands are analytic there, and vanish at both
    ends, so that the error of the trapezoidal rule decreases exponentially in 1 / ``STEP``.
    """
    center = np.log(np.max(spec.means.scale))
    log_scales = center + np.arange(-REACH, REACH + STEP, STEP)
    densities = log_scale_density(spec, n_features, np.exp(log_scales))
    weights = densities + log_scales[:, None]
    return np.exp(2 * log_scales), weights - special.logsumexp(weights, axis=0)


def log_scale_density(spec: MixtureSpec, n_features: int, scales: np.ndarray) -> np.ndarray:
    """Return the log prior density of standard deviations, shape (scales, features).

    That is the density before the resolution is taken into account, normalized, and the term of the
    resolution, -(resolution^2 / 12 / sigma^2)^4, so that its integral is below one.
    """
    structure, scales = spec.covariances, scales[:, None]
    if structure.tied:
        raise ValueError("Components that share a covariance matrix have no marginals of their own")
    if n_features > 1 and (structure.correlated or structure.isotropic):
        raise ValueError("Features must be independent given the component; choose Diagonal")
    shape = len(scales), n_features
    if isinstance(structure, InverseWishartStructure):
        prior = stats.invgamma(
            structure.degrees_of_freedom / 2, scale=np.squeeze(structure.scale_matrix) / 2
        )
        return np.broadcast_to(prior.logpdf(scales**2) + np.log(2 * scales), shape)
    wall = (np.asarray(spec.resolution) ** 2 / 12 / scales**2) ** 4
    return np.broadcast_to(scale_distribution(structure.scales).logpdf(scales) - wall, shape)


def partitions(n: int) -> np.ndarray:
    """Return all partitions of n rows, as labels that are numbered in the order of the rows."""
    return allocations(n)


def allocations(n: int, n_named: int = 0, allowed: Sequence[int] | None = None) -> np.ndarray:
    """Return all ways to put n rows into named blocks, which may be empty, and unnamed ones.

    Parameters
    ----------
    n, n_named : int
    allowed : sequence of n int, optional
        The named block of every row with a label; -1 for a row that may be anywhere.

    Returns
    -------
    array, shape (ways, n)
        The named blocks are 0, ..., n_named - 1; the unnamed ones follow in the order of the rows.
    """
    labels, n_blocks = np.zeros((1, 0), dtype=int), np.array([n_named])
    for block in [-1] * n if allowed is None else allowed:
        if block >= n_named:
            raise ValueError(f"There is no block {block} among {n_named} named ones")
        if block >= 0:
            chosen = np.full(len(labels), block)
        else:  # one of those so far, or a new one
            choices = n_blocks + 1
            firsts = np.repeat(np.cumsum(choices) - choices, choices)
            chosen = np.arange(firsts.size) - firsts
            labels, n_blocks = (np.repeat(each, choices, axis=0) for each in (labels, n_blocks))
        labels = np.column_stack([labels, chosen])
        n_blocks = np.maximum(n_blocks, chosen + 1)
    return labels


def exact_posterior(
    log_marginal_of: np.ndarray,
    n: int,
    log_prior_of_number: np.ndarray,
    concentration: float | Concentrations,
    dynamic: bool,
    n_named: int = 0,
    allowed: Sequence[int] | None = None,
) -> Exact:
    """Return the posterior of the number of components, of clusters and of pairs of rows.

    Parameters
    ----------
    log_marginal_of : array, shape (2^n,)
        Of every subset of the rows, see :func:`log_marginals`.
    n : int
        Number of rows.
    log_prior_of_number : array, shape (K_max,)
        log p(K), K = 1, ..., K_max, up to a constant.
    concentration : float or Concentrations
        Concentration of the Dirichlet prior of the weights, or nodes of its prior, over which the
        posterior is mixed.
    dynamic : bool
        Whether it is divided by K.
    n_named : int
        Number of components with a name of their own. They are clusters even without a row, so that
        K and K+ are at least that number, and K! becomes (K - n_named)!.
    allowed : sequence of n int, optional
        The named component of every row with a label; -1 for a row without.
    """
    if len(log_marginal_of) != 2**n:
        raise ValueError(f"{n} rows have {2**n} subsets, not {len(log_marginal_of)}")
    labels = allocations(n, n_named, allowed)
    members = labels[:, None, :] == np.arange(n_named + n)[:, None]
    log_likelihood = log_marginal_of[members @ 2 ** np.arange(n)].sum(axis=1)
    n_clusters = np.maximum(labels.max(axis=1) + 1, n_named)
    # All partitions with clusters of the same sizes have the same prior probability.
    n_of_size = (members.sum(axis=2)[:, :, None] == np.arange(1, n + 1)).sum(axis=1)
    kinds, kind = np.unique(np.column_stack([n_clusters, n_of_size]), axis=0, return_inverse=True)
    log_prior = _log_prior_of_kinds(
        kinds[:, 0], kinds[:, 1:], log_prior_of_number, concentration, dynamic, n_named
    )
    likelihood_of_kind = np.full(len(kinds), -np.inf)
    np.logaddexp.at(likelihood_of_kind, kind, log_likelihood)
    log_joint = log_prior + likelihood_of_kind[:, None, None]
    log_evidence = special.logsumexp(log_joint)
    joint = np.exp(log_joint - log_evidence)  # of kinds, K and concentrations
    mixed = special.logsumexp(log_prior, axis=(1, 2))
    posterior = np.exp(log_likelihood + mixed[kind] - log_evidence)
    together = labels[:, :, None] == labels[:, None, :]
    largest = min(len(log_prior_of_number), n_named + n)
    clusters = np.bincount(kinds[:, 0], joint.sum(axis=(1, 2)), minlength=largest + 1)
    return Exact(
        number=joint.sum(axis=(0, 2)),
        clusters=clusters[1 : largest + 1],
        co_clustering=np.tensordot(posterior, together, axes=1),
        log_evidence=float(log_evidence),
        concentration=joint.sum(axis=(0, 1)),
    )


def _log_prior_of_kinds(
    n_clusters: np.ndarray,
    n_of_size: np.ndarray,
    log_prior_of_number: np.ndarray,
    concentration: float | Concentrations,
    dynamic: bool,
    n_named: int,
) -> np.ndarray:
    """Return log p(partition, K, concentration), shape (kinds, K_max, nodes).

    Partitions of one kind have ``n_clusters`` clusters, ``n_of_size[m - 1]`` of them with m rows.
    """
    each, log_weights = _concentration_of_each(concentration, len(log_prior_of_number), dynamic)
    log_weights = log_weights + normalized(log_prior_of_number)[:, None]
    n, numbers = n_of_size.shape[1], np.arange(1, len(log_prior_of_number) + 1)
    log_weights = log_weights - log_rising(numbers[:, None] * each, n)[-1]
    growth = log_rising(each, n)[1:]  # log Gamma(m + e) / Gamma(e) of clusters with m rows
    ways = log_arrangements(numbers - n_named, n_clusters[:, None] - n_named)
    return np.tensordot(n_of_size, growth, axes=1) + log_weights + ways[:, :, None]


def prior_of_clusters(
    n: int,
    log_prior_of_number: np.ndarray,
    concentration: float | Concentrations,
    dynamic: bool,
) -> np.ndarray:
    """Return p(K+ | n rows), K+ = 1, ..., min(K_max, n), before the rows are seen.

    By the recursion of Greve et al. (2022), in logarithms; parameters as in
    :func:`exact_posterior`. With w_m = Gamma(m + e) / (Gamma(e) m!),

        p(K+ = k) = n! / k! sum_K p(K) K! / (K - k)! Gamma(K e) / Gamma(K e + n) C_k(n),
        C_1(n) = w_n,  C_k(n) = sum_m w_m C_{k - 1}(n - m).
    """
    n_numbers = len(log_prior_of_number)
    each, log_weights = _concentration_of_each(concentration, n_numbers, dynamic)
    numbers = np.arange(1, n_numbers + 1)[:, None]
    log_weights = log_weights + normalized(log_prior_of_number)[:, None]
    log_weights = log_weights - log_rising(numbers * each, n)[-1]
    factorials = special.gammaln(np.arange(n + 1) + 1)
    of_size = log_rising(each, n) - factorials[:, None, None]  # log w_m, of m = 0, ..., n rows
    of_size[0] = -np.inf
    sums, probabilities = of_size, []
    for k in range(1, min(n_numbers, n) + 1):
        terms = log_weights + log_arrangements(numbers, k) + sums[n]
        probabilities.append(np.exp(special.logsumexp(terms) + factorials[n] - factorials[k]))
        sums = np.array(
            [
                np.full(each.shape, -np.inf),
                *(
                    special.logsumexp(of_size[1 : m + 1] + sums[m - 1 :: -1], axis=0)
                    for m in range(1, n + 1)
                ),
            ]
        )
    return np.array(probabilities)


def _concentration_of_each(
    concentration: float | Concentrations, n_numbers: int, dynamic: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return e for every K and node, shape (K_max, nodes), and the log weights of the nodes."""
    if not isinstance(concentration, Concentrations):
        concentration = Concentrations(np.array([float(concentration)]), np.zeros(1))
    divisors = np.arange(1, n_numbers + 1) if dynamic else np.ones(n_numbers)
    return concentration.values / divisors[:, None], normalized(concentration.log_weights)


def log_arrangements(n: np.ndarray, k: np.ndarray | int) -> np.ndarray:
    """Return log n! / (n - k)!, the number of ways to give k clusters different names of n."""
    ways = special.gammaln(np.maximum(n, 0) + 1) - special.gammaln(np.maximum(n - k, 0) + 1)
    return np.where(n >= k, ways, -np.inf)


def log_rising(each: np.ndarray, n: int) -> np.ndarray:
    """Return log Gamma(e + m) / Gamma(e), m = 0, ..., n along a new first axis."""
    factors = np.log(each + np.arange(n).reshape(-1, *[1] * each.ndim))
    return np.concatenate([np.zeros((1, *each.shape)), np.cumsum(factors, axis=0)])


def normalized(log_weights: np.ndarray) -> np.ndarray:
    """Return the logarithms of probabilities that sum to one."""
    return log_weights - special.logsumexp(log_weights)

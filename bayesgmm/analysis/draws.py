"""How many draws a question about every row uses by default."""

from __future__ import annotations

from bayesgmm.options import expect_whole_number
from bayesgmm.schema import CHAIN, DRAW
from bayesgmm.tree.fit import Fit

_MOST_ASSIGNMENTS = 100_000_000  # rows times draws: some seconds
_LEAST_DRAWS = 500


def draws_to_use(fit: Fit, n_rows: int, max_draws: int | None, *, most: int | None = None) -> int:
    """Return ``max_draws``, or if that is ``None``, a number that takes reasonable time.

    That is ``most`` draws, or all, and fewer for many rows: so many that rows times draws are 100
    million, but no fewer than 500. The Monte Carlo error of a probability is then at most 0.022.
    """
    if max_draws is not None:
        expect_whole_number("max_draws", max_draws)
        return max_draws
    affordable = max(_MOST_ASSIGNMENTS // max(n_rows, 1), _LEAST_DRAWS)
    all_draws = fit.posterior.sizes[CHAIN] * fit.posterior.sizes[DRAW]
    return min(affordable, all_draws if most is None else most)

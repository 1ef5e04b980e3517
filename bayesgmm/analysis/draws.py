"""How many draws a question about every row uses by default."""

from __future__ import annotations

from bayesgmm.digits import counted
from bayesgmm.errors import warn
from bayesgmm.options import expect_whole_number
from bayesgmm.schema import CHAIN, DRAW
from bayesgmm.tree.fit import Fit

_MOST_ASSIGNMENTS = 100_000_000  # rows times draws: some seconds
_LEAST_DRAWS = 500
_SECONDS_EACH, _LONG = 1e-7, 60.0  # of an assignment, within a factor of two; of what is announced


def draws_to_use(fit: Fit, n_rows: int, max_draws: int | None, *, most: int | None = None) -> int:
    """Return ``max_draws``, or if that is ``None``, a number that takes reasonable time.

    That is ``most`` draws, or all, and fewer for many rows: so many that rows times draws are 100
    million, but no fewer than 500. The Monte Carlo error of a probability is then at most 0.022.
    What will still take more than a minute is announced in a warning.
    """
    all_draws = fit.posterior.sizes[CHAIN] * fit.posterior.sizes[DRAW]
    return affordable_draws(all_draws, n_rows, max_draws, most=most, has_more=fit.is_point)


def affordable_draws(
    all_draws: int,
    n_rows: int,
    max_draws: int | None,
    *,
    most: int | None = None,
    has_more: bool = False,
) -> int:
    """Return the same for so many mixtures of any source; ``has_more`` if they can be repeated."""
    if max_draws is None:
        affordable = max(_MOST_ASSIGNMENTS // max(n_rows, 1), _LEAST_DRAWS)
        used = min(affordable, all_draws if most is None else most)
    else:
        expect_whole_number("max_draws", max_draws)
        used = max_draws
    seconds = _SECONDS_EACH * n_rows * (used if has_more else min(used, all_draws))
    if seconds > _LONG:
        warn(
            f"{counted(n_rows, 'row')} under {counted(used, 'draw')} will take some "
            f"{counted(round(seconds / 60), 'minute')}. Faster options: fewer draws, such as "
            "max_draws=100, or a sample of the rows as X."
        )
    return used

"""The engines, by name."""

from __future__ import annotations

import os
from typing import Any, Protocol, runtime_checkable

import xarray as xr

from bayesgmm.data.dataset import Dataset
from bayesgmm.digits import counted
from bayesgmm.engines.advi import ADVI
from bayesgmm.engines.auto import Auto
from bayesgmm.engines.gibbs import Gibbs
from bayesgmm.engines.laplace import Laplace
from bayesgmm.engines.normal import MOST_CURVED
from bayesgmm.engines.nuts import NUTS
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.priors.catalog import typed
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.seeds import RandomSeed


@runtime_checkable
class Engine(Protocol):
    """What every engine is: immutable settings with one method."""

    def run(
        self,
        spec: MixtureSpec,
        data: Dataset,
        *,
        start: PointEstimate,
        seed: RandomSeed,
        progress: bool = False,
    ) -> xr.DataTree:
        """Return draws from the posterior of ``spec`` given ``data``."""


type Known = NUTS | Gibbs | Laplace | ADVI | Auto

ENGINES: dict[str, type[Known]] = {
    typed(engine.__name__): engine for engine in (NUTS, Gibbs, Laplace, ADVI, Auto)
}


def read_engine(engine: Engine | str | None) -> Engine:
    """Return an engine that is given as such or by name; without one, ``NUTS()``.

    Raises
    ------
    SpecificationError
        If it is not an engine; ``EM`` is a solver, not an engine.
    """
    if engine is None:
        return NUTS()
    if isinstance(engine, str):
        return engine_named(engine)
    if isinstance(engine, type | EM) or not hasattr(engine, "run"):
        raise SpecificationError(f"engine must be an engine such as NUTS(), not {engine!r}.")
    return engine


def engine_named(name: str, **options: Any) -> Known:
    """Return the engine of this name with the given options.

    Raises
    ------
    SpecificationError
        If there is no such engine.
    """
    if name not in ENGINES:
        raise SpecificationError(f"There is no engine {name!r}; choose one of {sorted(ENGINES)}.")
    return ENGINES[name](**options)


def expect_room(engine: Engine, spec: MixtureSpec, data: Dataset) -> None:
    """Raise if the draws, and the matrices that prepare chains, do not fit in memory.

    Raises
    ------
    SpecificationError
        If they do not: covariance matrices grow with the square of the number of features, and
        matrices of all parameters with its fourth power.
    """
    layout = layout_of(spec, data.n_features)
    d, n_factors = layout.n_features, layout.covariances.n_factors
    matrices = d * (n_factors + 1) if n_factors or not layout.covariances.correlated else 2 * d**2
    a_draw = layout.size + layout.n_components * (matrices + 2 * d)
    n_draws = getattr(engine, "draws", 0) * getattr(engine, "chains", 1)
    square = layout.size <= MOST_CURVED or isinstance(engine, NUTS)
    preparing = 3 * layout.size**2 if square and not isinstance(engine, ADVI) else 0
    needed, present = 8.0 * (n_draws * a_draw + preparing), _memory()
    if needed > present:
        raise SpecificationError(
            f"The posterior of {counted(layout.n_features, 'feature')} in "
            f"{counted(layout.n_components, 'component')} has {layout.size} parameters, and "
            f"{n_draws} draws need {needed / 1e9:.0f} GB of memory, but this machine has "
            f"{present / 1e9:.0f}. Ask for few factors (Factors(2)), for no correlations "
            "(Diagonal()), for fewer draws, or for fewer columns, such as the first principal "
            "components; or for the mode: estimate()."
        )


def _memory() -> float:
    """Return the memory of this machine in bytes; infinite if unknown."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return float("inf")

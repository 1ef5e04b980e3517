"""The engines, and what they are called."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import xarray as xr

from bayesgmm.data.dataset import Dataset
from bayesgmm.engines.advi import ADVI
from bayesgmm.engines.gibbs import Gibbs
from bayesgmm.engines.laplace import Laplace
from bayesgmm.engines.nuts import NUTS
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.priors.spec import MixtureSpec
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


ENGINES: dict[str, type[Engine]] = {
    "nuts": NUTS,
    "gibbs": Gibbs,
    "laplace": Laplace,
    "advi": ADVI,
}


def read_engine(engine: Engine | str | None) -> Engine:
    """Return an engine that is given as such or by name; without one, ``NUTS()``.

    Raises
    ------
    SpecificationError
        If it is none; ``EM`` runs, too, but draws nothing.
    """
    if engine is None:
        return NUTS()
    if isinstance(engine, str):
        return engine_named(engine)
    if isinstance(engine, type | EM) or not hasattr(engine, "run"):
        raise SpecificationError(f"engine must be an engine such as NUTS(), not {engine!r}.")
    return engine


def engine_named(name: str, **options: object) -> Engine:
    """Return the engine of this name with the given options.

    Raises
    ------
    SpecificationError
        If there is no such engine.
    """
    if name not in ENGINES:
        raise SpecificationError(f"There is no engine {name!r}; choose one of {sorted(ENGINES)}.")
    return ENGINES[name](**options)

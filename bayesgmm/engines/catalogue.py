"""The engines by name, for those who type: the command line and the estimators."""

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


def expect_engine(engine: object) -> None:
    """Raise unless this is an engine; ``EM`` runs, too, but draws nothing."""
    if isinstance(engine, type | EM) or not hasattr(engine, "run"):
        raise SpecificationError(f"engine must be an engine such as NUTS(), not {engine!r}.")


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

"""Which features a picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bayesgmm.analysis.telling import telling_features
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.posterior.fit import Fit
from bayesgmm.schema import COMPONENT


@dataclass(frozen=True)
class Choice:
    """The features of a picture.

    Attributes
    ----------
    features : tuple of strings
    note : str
        What a legend says of them where the picture itself left some out, empty otherwise.
    """

    features: tuple[str, ...]
    note: str = ""


def choose(fit: Fit, features: Sequence[str] | None, most: int) -> Choice:
    """Return the features that were asked for, once they are checked.

    Where nobody asked, these are all, or as many as there is room for: those in which the
    components differ most.
    """
    names = list(fit.feature_names)
    if features is not None:
        return Choice(_asked(names, features, most))
    if len(names) <= most:
        return Choice(tuple(names))
    count = f"{most} of {len(names)} features"
    if fit.posterior.sizes[COMPONENT] == 1:
        return Choice(tuple(names[:most]), f"the first {count}")
    chosen = telling_features(fit, most)
    return Choice(tuple(chosen), f"{count}, in which the components differ most")


def _asked(names: Sequence[str], features: Sequence[str], most: int) -> tuple[str, ...]:
    chosen = (features,) if isinstance(features, str) else tuple(features)
    unknown = [name for name in chosen if name not in names]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        raise DataError(
            f"features must be different features of the fit, which has {names}; "
            f"not {list(chosen)}."
        )
    if len(chosen) > most:
        raise SpecificationError(
            f"{len(chosen)} features are too many for one picture; name at most {most} "
            f"of them, such as features={list(chosen[:4])}."
        )
    return chosen

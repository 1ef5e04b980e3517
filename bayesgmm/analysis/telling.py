"""The features that tell the components apart."""

from __future__ import annotations

from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE


def telling_features(tree: Fitted, count: int) -> list[str]:
    """Return so many features, in their order, in which the components differ most.

    A feature tells components apart where most of its variance lies between them: posterior means
    of the component means are compared, as a share of what the mixture has in all.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.telling import telling_features
    >>> telling_features(bg.example_fit(), 2)
    ['bill_length_mm', 'flipper_length_mm']
    """
    fit = Fit.of(tree)
    mean = fit.posterior.to_dataset()[["weights", "means", "scales"]].mean((CHAIN, DRAW))
    weights, means = mean["weights"], mean["means"]
    between = (weights * (means - (weights * means).sum(COMPONENT)) ** 2).sum(COMPONENT)
    shares = between / (between + (weights * mean["scales"] ** 2).sum(COMPONENT))
    best = sorted((-shares).values.argsort(kind="stable")[:count])
    return [str(name) for name in fit.posterior[FEATURE].values[best]]

"""The card of a point estimate: components without intervals, and whether EM got there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.data.dataset import default_names
from bayesgmm.digits import counted
from bayesgmm.estimators.card import Card, ComponentLine, Figure
from bayesgmm.estimators.covariance_types import STRUCTURES, hidden

if TYPE_CHECKING:
    from bayesgmm.estimators.gaussian_mixture import GaussianMixture

_NOT_CONVERGED = Finding(
    "EM stopped at max_iter, before a step changed less than tol.",
    "Raise max_iter or tol, or try other starts.",
    kind="not converged",
)


def card_of_estimate(mixture: GaussianMixture) -> Card:
    """Return the card of a mixture that was fitted.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.estimators.estimate_card import card_of_estimate
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    >>> card_of_estimate(bg.GaussianMixture(3, random_state=0).fit(X)).method
    '3 components (full) of 2 features; maximum likelihood by EM, from 1 start'
    """
    scales = _scales(mixture)
    features = getattr(mixture, "feature_names_in_", default_names(mixture.n_features_in_))
    steps = counted(mixture.n_iter_, "step")
    return Card(
        method=_method(mixture),
        passed=mixture.converged_,
        verdict=f"{'Converged' if mixture.converged_ else 'Not converged'} after {steps}.",
        findings=() if mixture.converged_ else (_NOT_CONVERGED,),
        features=tuple(map(str, features)),
        components=tuple(
            ComponentLine(
                str(number),
                float(weight),
                Figure.alone(float(weight), 0.1),
                tuple(map(Figure.alone, mean.tolist(), scale.tolist())),
            )
            for number, (weight, mean, scale) in enumerate(
                zip(mixture.weights_, mixture.means_, scales, strict=True)
            )
        ),
        caption="Weights, and means of features: point estimates",
    )


def _method(mixture: GaussianMixture) -> str:
    goal = "maximum likelihood" if mixture.prior is None else "posterior mode"
    return (
        f"{counted(len(mixture.weights_), 'component')} ({mixture.covariance_type}) of "
        f"{counted(mixture.n_features_in_, 'feature')}; {goal} by EM, from "
        f"{counted(mixture.n_init, 'start')}"
    )


def _scales(mixture: GaussianMixture) -> np.ndarray:
    """Return standard deviations of every feature in every component, (k, d)."""
    structure = STRUCTURES[mixture.covariance_type]
    matrices = hidden(structure, np.asarray(mixture.covariances_))
    variances = np.diagonal(matrices, axis1=1, axis2=2) if structure.correlated else matrices
    return np.broadcast_to(np.sqrt(variances), mixture.means_.shape)

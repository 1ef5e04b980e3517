"""The compiled log posterior as a PyTensor operator, so that PyMC's algorithms can use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from jaxtyping import Float
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op

from bayesgmm.estimation.density import Target


class LogPosterior(Op):
    """Log posterior density and its gradient at center + widths * z."""

    itypes = (pt.dvector,)
    otypes = (pt.dscalar, pt.dvector)

    def __init__(
        self, target: Target, center: Float[np.ndarray, " p"], widths: Float[np.ndarray, " p"]
    ) -> None:
        self._target, self._center, self._widths = target, center, widths

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        """Evaluate value and gradient."""
        value, gradient = self._target(self._center + self._widths * inputs[0])
        output_storage[0][0] = np.asarray(value)
        output_storage[1][0] = self._widths * gradient

    def pullback(
        self, inputs: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]
    ) -> list[Variable]:
        """Reuse the gradient that was computed with the value."""
        return [cotangents[0] * outputs[1]]


def position_model(
    target: Target, center: Float[np.ndarray, " p"], widths: Float[np.ndarray, " p"]
) -> pm.Model:
    """Declare a PyMC model of one flat vector z whose log density is the target's.

    Its coordinates are shifted and scaled to roughly zero mean and unit width, one by one, which
    leaves both families of normal approximations as they are and makes their fit easy.
    """
    operator = LogPosterior(target, center, widths)
    with pm.Model() as model:
        z = pm.Flat("z", shape=center.size, initval=np.zeros(center.size))
        pm.Potential("log_posterior", operator(z)[0])
    return model

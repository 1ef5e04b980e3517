"""nutpie on the compiled log posterior as C functions: chains without Python calls.

nutpie has no public way to pass such functions; this uses the parts of it that run its compiled
PyMC models. They are private, so ``is_available`` compares them with what is expected here, and
where a later nutpie differs the sampler goes through ``nutpie.compiled_pyfunc`` instead: the same
draws, more slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.estimation.density import Target
from bayesgmm.numerics.kernels.callbacks import density_callback, pack_block, position_callback
from bayesgmm.numerics.rows import RowsInMemory

try:
    from nutpie import _lib
    from nutpie.sample import CompiledModel
except (ImportError, AttributeError):  # a nutpie that keeps them elsewhere
    _lib, CompiledModel = None, object

_EXPECTED = {
    "LogpFunc": "(ptr, user_data_ptr, keep_alive)",
    "ExpandFunc": "(dim, expanded_dim, ptr, user_data_ptr, keep_alive)",
    "PyMcModel": (
        "(density, expand, variables, dim, dim_sizes, coords, init_func, transform_adapter)"
    ),
}


def is_available() -> bool:
    """Whether the installed nutpie has the private parts that are used here."""
    found = {
        name: getattr(getattr(_lib, name, None), "__text_signature__", None) for name in _EXPECTED
    }
    has_sampler = hasattr(getattr(_lib, "PySampler", None), "from_pymc")
    return found == _EXPECTED and has_sampler and hasattr(_lib, "PyVariable")


@dataclass(frozen=True, eq=False)
class NativeModel(CompiledModel):
    """A model for ``nutpie.sample``: coordinates are noise, draws are positions.

    Attributes
    ----------
    block : array
        What the C functions read; nutpie keeps the model, and so the block, alive.
    start : array, shape (p,)
        Where the chain starts, as noise.
    correlated, has_gaps : bool
        Which of the log posteriors is meant.
    """

    block: Float[np.ndarray, " size"]
    start: Float[np.ndarray, " p"]
    correlated: bool
    has_gaps: bool

    @property
    def n_dim(self) -> int:
        """Number of coordinates."""
        return self.start.size

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the variables in a trace."""
        return {"position": (self.n_dim,)}

    @property
    def coords(self) -> dict[str, Any]:
        """Names along the axes: none."""
        return {}

    def _make_sampler(self, settings: Any, init_mean: Any, cores: int, *options: Any) -> Any:
        return _lib.PySampler.from_pymc(settings, cores, self._make_model(init_mean), *options)

    def _make_model(self, init_mean: Any) -> Any:
        size, data = self.n_dim, self.block.ctypes.data
        callback = density_callback(self.correlated, self.has_gaps)
        density = _lib.LogpFunc(callback.address, data, self)
        expand = _lib.ExpandFunc(size, size, position_callback().address, data, self)
        lengths: dict[str, int] = {}  # of the axes, which new_variables names and fills in
        variables = _lib.PyVariable.new_variables(["position"], ["float64"], [(size,)], lengths, {})
        return _lib.PyMcModel(
            density, expand, variables, size, lengths, {}, lambda seed: self.start, None
        )


def native_block(target: Target, normal: NormalApproximation) -> Float[np.ndarray, " size"]:
    """Return what the C functions of all chains read."""
    log_posterior = target.log_posterior
    assert isinstance(log_posterior.X, RowsInMemory)  # copied into the block
    all_rows = log_posterior.X.as_one_block()
    known = all_rows.weights, all_rows.label_log_likelihoods
    rows = all_rows.row_arguments
    return pack_block(_affine_map(normal), known, rows, log_posterior.prior)


def _affine_map(normal: NormalApproximation) -> tuple[np.ndarray, ...]:
    """Return center, root, order and ends, as C functions take them."""
    root = np.diag(normal.root) if normal.root.ndim == 1 else normal.root
    groups = np.zeros(len(root), dtype=int) if normal.groups is None else normal.groups
    order = np.argsort(groups, kind="stable")
    ends = np.cumsum(np.bincount(groups))[groups[order]]
    return normal.center, root[np.ix_(order, order)], order, ends

"""How well the labels of components are identified: agreement of relabeling methods, margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Int
from scipy.optimize import linear_sum_assignment

from bayesgmm.analysis.diagnosis.convergence import convergence
from bayesgmm.analysis.diagnosis.quantities import relabeled_quantities
from bayesgmm.errors import SpecificationError
from bayesgmm.posterior.relabel.by_parameters import PRA
from bayesgmm.posterior.relabel.by_rows import ECR, Stephens
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.posterior.relabel.permute import undo_relabeling
from bayesgmm.posterior.relabel.relabel import Relabeling, expect_relabeling
from bayesgmm.tree.fit import Fit

AMBIGUOUS = 0.1
"""Margin below which a labeling is ambiguous: the second best costs at most 11 % more."""

METHODS = (ECR(), Stephens(), PRA())
"""Relabeling methods with different information: allocations, responsibilities, parameters."""


@dataclass(frozen=True, eq=False)
class LabelingReport:
    """How well the labels of the components are identified.

    Attributes
    ----------
    method : str
        The relabeling method of the tree.
    agreement : xarray.DataArray
        Fraction of draws to which two methods give the same permutation; dims ``method``,
        ``other``.
    margin : xarray.DataArray
        Margin of the best permutation of each draw over the second best, 0 to 1; dims ``chain``,
        ``draw``.
    figures : xarray.Dataset
        R-hat and effective sample sizes of the worst entry of each parameter, dims ``labels``
        (``"raw"``, ``"relabeled"``) and ``variable``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.labeling_report(bg.example_fit().isel(draw=slice(100))).method
    'ECR()'
    """

    method: str
    agreement: xr.DataArray
    margin: xr.DataArray
    figures: xr.Dataset

    @property
    def ambiguous(self) -> xr.DataArray:
        """Whether the labeling of a draw is ambiguous: its margin is below 0.1."""
        return self.margin < AMBIGUOUS

    def __str__(self) -> str:
        count, total = int(self.ambiguous.sum()), self.ambiguous.size
        lines = [
            f"Components relabeled by {self.method}; {count} of {total} draws are ambiguous "
            f"(margins: median {float(self.margin.median()):.2f}, "
            f"minimum {float(self.margin.min()):.2f}).",
            "",
            *self._convergence(),
            "",
            "fraction of draws that two methods label identically",
            *self._agreement(),
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _convergence(self) -> list[str]:
        columns = ("rhat", "ess_bulk", "ess_tail")
        lines = [f"{'worst entry of':<16}{'R-hat':>18}{'bulk ESS':>18}{'tail ESS':>18}"]
        for name in self.figures["variable"].values:
            entry = self.figures.sel(variable=name)
            cells = [
                " -> ".join(_shown(value, column) for value in entry[column].values)
                for column in columns
            ]
            lines.append(f"{name:<16}" + "".join(f"{cell:>18}" for cell in cells))
        return lines

    def _agreement(self) -> list[str]:
        names = [str(name) for name in self.agreement["method"].values]
        width = max(map(len, names)) + 2
        lines = [" " * width + "".join(f"{name:>{width}}" for name in names)]
        for name, shares in zip(names, self.agreement.values, strict=True):
            lines.append(f"{name:<{width}}" + "".join(f"{share:>{width}.3f}" for share in shares))
        return lines


def labeling_report(tree: xr.DataTree, methods: Sequence[Relabeling] = METHODS) -> LabelingReport:
    """Report how well the labels of the components are identified.

    The report has three parts. Methods that use different information agree if components are
    identified. Margins say, for each draw, how much worse the second-best permutation would have
    been. R-hat and effective sample sizes of the parameters, before and after relabeling, show its
    effect: if label switching was the only problem, they are fine afterwards.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.relabel`.
    methods : sequence, default ``(ECR(), Stephens(), PRA())``
        The relabeling methods to compare, from the raw order of the engine.

    Returns
    -------
    LabelingReport
        Prints as text.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.
    SpecificationError
        If one of ``methods`` is not a relabeling method, or the prior identifies the components.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> report = bg.labeling_report(bg.example_fit())
    >>> float(report.agreement.min())
    1.0
    >>> int(report.ambiguous.sum())
    0
    """
    fit = named(Fit.with_draws(tree, "labeling_report"))
    if not methods:
        raise SpecificationError("methods must name at least one relabeling method, such as ECR().")
    for method in methods:
        expect_relabeling(fit, method)
    raw = Fit(undo_relabeling(fit))
    orders = [method.permutations(raw).orders for method in methods]
    names = [repr(method) for method in methods]
    shares = [[_share_of_equal_labels(one, other) for other in orders] for one in orders]
    relabeling = fit.tree["relabeling"].to_dataset()
    return LabelingReport(
        method=relabeling.attrs["method"],
        agreement=xr.DataArray(
            shares, dims=("method", "other"), coords={"method": names, "other": names}
        ),
        margin=relabeling["margin"],
        figures=xr.concat(
            [convergence(relabeled_quantities(each)) for each in (raw, fit)],
            dim=xr.DataArray(["raw", "relabeled"], dims="labels", name="labels"),
        ),
    )


def _share_of_equal_labels(
    one: Int[np.ndarray, "chain draw k"], other: Int[np.ndarray, "chain draw k"]
) -> float:
    """Return the fraction of equal permutations, up to one common permutation."""
    first, second = (each.reshape(-1, each.shape[-1]) for each in (one, other))
    equal = (first[:, :, None] == second[:, None, :]).sum(axis=0)
    _, names = linear_sum_assignment(equal, maximize=True)
    return float(np.mean(np.all(first == second[:, names], axis=1)))


def _shown(value: float, column: str) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.3f}" if column == "rhat" else f"{value:.0f}"

"""Draws of a mixture from another program: read, checked, and converted to a tree.

They are a tree or dataset, whose dims have names, or plain arrays with the axes chain, draw,
component, feature, feature. No code below this file depends on the origin of draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.parameters import Correlations, FactoredCorrelations, MixtureParameters
from bayesgmm.schema import (
    CHAIN,
    COMPONENT,
    DATA,
    DRAW,
    FACTOR,
    FEATURE,
    FEATURE_BIS,
    PARAMETER_DIMS,
)

CHOLESKY, CORRELATION_CHOLESKY = "cholesky", "correlation_cholesky"
"""Lower Cholesky factors of covariance and of correlation matrices."""

_DIMS = {
    **PARAMETER_DIMS,
    CHOLESKY: PARAMETER_DIMS["covariances"],
    CORRELATION_CHOLESKY: PARAMETER_DIMS["correlations"],
}
"""What a mixture may be given by."""

_STATISTICS, _LOG_LIKELIHOOD = ("lp", "diverging"), "log_likelihood"
"""What may stand beside the parameters, where there are no groups."""

_OTHER_NAMES = {
    "logp": "lp", "lp__": "lp", "divergent__": "diverging", "depth": "tree_depth",
    "mean_tree_accept": "acceptance_rate",
}  # fmt: skip
"""What nutpie and Stan call sampling statistics that ArviZ has other names for."""

_TOLERANCE = 1e-5
"""Tolerance of the sum of weights and of symmetry: the rounding error of six digits."""

_ALIKE = 1e-4  # relative difference of one number that is written out twice with six digits
_FAR, _OTHER_UNITS = 5.0, 20.0
"""Standard deviations from the mean of a column, and ratio of spreads, beyond which draws cannot
be those of a mixture that was fitted to this table in these units."""


@dataclass(frozen=True, eq=False)
class GivenDraws:
    """Draws of a mixture, in the units of the data and their original order.

    Attributes
    ----------
    parameters : MixtureParameters
        Batch axes chain, draw.
    posterior : xarray.Dataset
        The same with all other variables of a draw; dims chain, draw first.
    sample_stats : dict of arrays
        Axes chain, draw.
    log_likelihood : array, shape (chain, draw, n), optional
        As given by the other program.
    n_rows : int
        Number of rows of the table, n.
    origin : str
        The program that made the draws.
    """

    parameters: MixtureParameters
    posterior: xr.Dataset
    sample_stats: dict[str, np.ndarray]
    log_likelihood: Float[np.ndarray, "chain draw n"] | None
    n_rows: int
    origin: str

    @property
    def heights(self) -> Float[np.ndarray, "chain draw"] | None:
        """Log posterior or log-likelihood of the draws, if either is known."""
        if "lp" in self.sample_stats:
            return self.sample_stats["lp"]
        return None if self.log_likelihood is None else self.log_likelihood.sum(axis=-1)

    @property
    def has_own_likelihood(self) -> bool:
        """Whether the density of rows may differ from that of the mixture.

        That is the case if log-likelihoods are given, and if there is a variable over rows and
        components, whatever its dims are called, such as weights that differ between rows.
        """
        table = {self.n_rows, self.parameters.n_components}
        of_rows = any(table <= {*one.shape[2:]} for one in self.posterior.values())
        return of_rows or self.log_likelihood is not None


def read_draws(draws: Any, data: Dataset, names: Mapping[str, str] | None) -> GivenDraws:
    """Read and check the draws of a mixture of the rows in ``data``.

    Raises
    ------
    SpecificationError
        If ``draws`` are of no known kind, variables lack, or dims and sizes do not fit.
    DataError
        If their numbers are not a mixture, or not one of these rows.
    """
    groups = _groups(draws, names)
    reader = _Reader.of(groups["posterior"], data)
    parameters, written_out = reader.mixture()
    _expect_near(parameters, data)
    return GivenDraws(
        parameters,
        reader.posterior(written_out),
        reader.sample_stats(groups.get("sample_stats", xr.Dataset())),
        reader.log_likelihood(groups),
        data.n_rows,
        _origin(groups["posterior"]),
    )


def _groups(draws: Any, names: Mapping[str, str] | None) -> dict[str, xr.Dataset]:
    """Return the groups that matter here, with our names for the parameters."""
    if isinstance(draws, xr.DataTree) and "posterior" not in draws.children and draws.data_vars:
        draws = draws.to_dataset()
    if isinstance(draws, xr.Dataset):
        return {"posterior": _renamed(draws, names)}
    if hasattr(draws, "posterior"):  # a DataTree, or the InferenceData of an older ArviZ
        wanted = ("posterior", "sample_stats", _LOG_LIKELIHOOD, "observed_data")
        found = {name: getattr(draws, name) for name in wanted if hasattr(draws, name)}
        groups = {
            name: group.to_dataset() if isinstance(group, xr.DataTree) else group
            for name, group in found.items()
        }
        return {**groups, "posterior": _renamed(groups["posterior"], names)}
    if isinstance(draws, Mapping) and not isinstance(draws, xr.DataTree):
        return {"posterior": _of_arrays(_renamed(draws, names))}
    raise SpecificationError(
        "draws must be a DataTree with a group 'posterior', as pm.sample and ArviZ return it, a "
        "Dataset, or map names to arrays with axes chain, draw, component, feature; not "
        f"{type(draws).__name__!r}."
    )


def _renamed(variables: Any, names: Mapping[str, str] | None) -> Any:
    """Return variables under the names that they have in the tree."""
    if names is None:
        return variables
    known = (*_DIMS, *_STATISTICS, _LOG_LIKELIHOOD)
    if not isinstance(names, Mapping) or not set(names) <= set(known):
        raise SpecificationError(
            f"names must map some of {list(known)} to the names that these have in draws, such as "
            f'{{"weights": "theta"}}, not {names!r}.'
        )
    there = set(variables.data_vars if isinstance(variables, xr.Dataset) else variables)
    for ours, theirs in names.items():
        if theirs not in there:
            raise SpecificationError(
                f"names: there is no {theirs!r} to take for {ours!r}; draws hold {sorted(there)}."
            )
    new = {theirs: ours for ours, theirs in names.items() if theirs != ours}
    displaced = (there & set(new.values())) - set(new)
    new |= {name: f"given_{name}" for name in displaced}
    if isinstance(variables, xr.Dataset):
        return variables.rename_vars(new)
    return {new.get(name, name): values for name, values in variables.items()}


def _of_arrays(given: Mapping[str, Any]) -> xr.Dataset:
    """Give plain arrays dims: those of draws, as the weights have them, and then their own."""
    weights: Any = given.get("weights")
    lead: tuple[str, ...] = (CHAIN, DRAW)
    if _has_names(weights):
        lead = (DRAW,) if CHAIN not in xr.as_variable(weights, "weights").dims else lead
    elif np.ndim(weights) in (2, 3):
        lead = lead[-np.ndim(weights) + 1 :]
    elif weights is not None:
        raise SpecificationError(
            f"weights have shape {np.shape(weights)}; expected (chain, draw, component), or (draw, "
            "component) for one chain."
        )
    variables = {}
    for name, values in given.items():
        if _has_names(values):
            variables[name] = values
            continue
        array = np.asarray(values)
        own = (f"{name}_dim_{place}" for place in range(max(0, array.ndim - len(lead))))
        variables[name] = ((*lead, *own)[: array.ndim], array)
    try:
        return xr.Dataset(variables)
    except ValueError as error:
        shapes = {name: np.shape(values) for name, values in given.items()}
        raise SpecificationError(
            f"The arrays of draws do not fit together: {error}. All must begin with the axes "
            f"{', '.join(lead)}, as the weights do; shapes are {shapes}."
        ) from None


def _has_names(values: Any) -> bool:
    """Whether values say what their axes are: xarray objects, and pairs of dims and values."""
    if isinstance(values, xr.DataArray | xr.Variable):
        return True
    return isinstance(values, tuple) and bool(values) and isinstance(values[0], str | tuple)


@dataclass(frozen=True, eq=False)
class _Reader:
    """Variables with dims chain and draw, and how their dims are called in the tree."""

    variables: xr.Dataset
    data: Dataset
    n_components: int
    known_as: dict[str, str]

    @classmethod
    def of(cls, variables: xr.Dataset, data: Dataset) -> _Reader:
        """Find out how many components there are, and what dims are called."""
        for name in ("weights", "means"):
            if name not in variables:
                raise _missing(name, variables)
            lead = {DRAW, CHAIN} if CHAIN in variables["weights"].dims else {DRAW}
            if not lead <= set(variables[name].dims):
                raise SpecificationError(
                    f"{name} has dims {variables[name].dims}; expected those of draws, 'chain' and "
                    "'draw', and its own. Name the dims of draws so."
                )
        weights = variables["weights"]
        if CHAIN not in weights.dims:
            variables = variables.expand_dims(CHAIN)
        kept = [name for name, one in variables.data_vars.items() if {CHAIN, DRAW} <= set(one.dims)]
        variables = variables[kept]
        if 0 in (variables.sizes[CHAIN], variables.sizes[DRAW]):
            raise SpecificationError(f"There are no draws: sizes are {dict(weights.sizes)}.")
        own = [dim for dim in weights.dims if dim not in (CHAIN, DRAW)]
        if len(own) != 1:
            raise _wrong_dims(variables["weights"], "weights", _about_rows(variables["weights"]))
        known_as = {
            theirs: ours
            for name, dims in _DIMS.items()
            if name in variables
            for theirs, ours in _places(variables[name], dims).items()
        }
        return cls(variables, data, weights.sizes[own[0]], {**known_as, own[0]: COMPONENT})

    def mixture(self) -> tuple[MixtureParameters, dict[str, np.ndarray]]:
        """Return the parameters, and the variables of the tree as they were given, or else made."""
        weights, means = self._read("weights"), self._read("means")
        _expect_weights(weights)
        scales, correlations, given = self._covariances()
        parameters = MixtureParameters(weights, means, scales, correlations)
        made = {"weights": weights, "means": means, "scales": scales, **given}
        if isinstance(correlations, FactoredCorrelations):
            return parameters, made
        if "covariances" not in made:
            made["covariances"] = parameters.covariances
        if correlations is not None:
            made.setdefault("correlations", correlations)
        return parameters, made

    def _covariances(self) -> tuple[np.ndarray, Correlations, dict[str, np.ndarray]]:
        """Return scales, correlations if there are any, and what was given of the tree's own."""
        there = self.variables
        if {"loadings", "uniquenesses"} <= set(there.data_vars):
            return self._factors()
        if "covariances" in there:
            matrices = self._read("covariances")
            return self._with_parts(*_taken_apart("covariances", matrices), matrices)
        if CHOLESKY in there:
            matrices = _squared(self._read(CHOLESKY))
            return self._with_parts(*_taken_apart(CHOLESKY, matrices), matrices)
        if "scales" not in there:
            raise _missing("covariances", there)
        scales = self._read("scales")
        _expect_positive("scales", scales)
        given = {"scales": scales}
        if "correlations" in there:
            given["correlations"] = self._read("correlations")
            units, correlations = _taken_apart("correlations", given["correlations"])
        elif CORRELATION_CHOLESKY in there:
            squares = _squared(self._read(CORRELATION_CHOLESKY))
            units, correlations = _taken_apart(CORRELATION_CHOLESKY, squares)
        else:
            return scales, None, given
        if not np.allclose(units, 1.0, atol=_ALIKE):
            raise DataError(
                "correlations must have ones on the diagonal; that of draws is up to "
                f"{units.max() ** 2:g}. Covariance matrices are called 'covariances'."
            )
        if _are_uncorrelated(correlations):
            return scales, None, {"scales": scales}
        return scales, correlations, given

    def _factors(self) -> tuple[np.ndarray, FactoredCorrelations, dict[str, np.ndarray]]:
        """Return those of factor analyzers, which are never made into matrices."""
        loadings, uniquenesses = self._read("loadings"), self._read("uniquenesses")
        _expect_positive("uniquenesses", uniquenesses)
        scales = np.sqrt(np.sum(loadings**2, axis=-1) + uniquenesses)
        if "scales" in self.variables:
            values = self._read("scales")
            if not np.allclose(values, scales, rtol=_ALIKE, atol=0):
                raise DataError(
                    "scales, and loadings and uniquenesses of the same draws contradict each "
                    "other: in the tree, scales are those of the components. Rename or drop one."
                )
            scales = values
        correlations = FactoredCorrelations(loadings / scales[..., None], uniquenesses / scales**2)
        given = {"scales": scales, "loadings": loadings, "uniquenesses": uniquenesses}
        return scales, correlations, given

    def _with_parts(
        self, scales: np.ndarray, correlations: np.ndarray, matrices: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None, dict[str, np.ndarray]]:
        """Take scales and correlations as they were given, where they are those of the matrices."""
        given = {"covariances": matrices}
        for name, own in (("scales", scales), ("correlations", correlations)):
            if name not in self.variables:
                continue
            values = self._read(name)
            if not np.allclose(values, own, rtol=_ALIKE, atol=_ALIKE if own is correlations else 0):
                raise DataError(
                    f"{name} and the covariance matrices of the same draws contradict each other: "
                    f"in the tree, {name} are those of the components. Rename or drop one of them."
                )
            given[name] = values
        if _are_uncorrelated(correlations):
            given.pop("correlations", None)
            return given.get("scales", scales), None, given
        return given.get("scales", scales), given.get("correlations", correlations), given

    def posterior(self, made: dict[str, np.ndarray]) -> xr.Dataset:
        """Return the parameters with all other variables of a draw, dims as in the tree."""
        found = {name: ((CHAIN, DRAW, *PARAMETER_DIMS[name]), made[name])
                 for name in PARAMETER_DIMS if name in made}  # fmt: skip
        aside = {*PARAMETER_DIMS, *_STATISTICS, _LOG_LIKELIHOOD}
        coords: dict[str, Any] = {name: self._numbers(name) for name in (CHAIN, DRAW)}
        for name, variable in self.variables.data_vars.items():
            if name in aside:
                continue
            if variable.dtype.kind not in "iufb" or "/" in str(name):
                raise SpecificationError(
                    f"Variable {name!r} cannot be kept: it holds {variable.dtype}, or has a name "
                    "with a slash. Drop or rename it."
                )
            plain = self._in_our_dims(str(name), variable)
            found[str(name)] = (plain.dims, plain.values)
            coords.update(_own_coords(plain))
        return xr.Dataset(found, coords=coords)

    def _in_our_dims(self, name: str, variable: xr.DataArray) -> xr.DataArray:
        new = {dim: self.known_as.get(dim, dim) for dim in variable.dims}
        if len(set(new.values())) < len(new):  # two dims cannot be one: each keeps its name
            new = {}
        sizes = {COMPONENT: self.n_components}
        sizes |= dict.fromkeys((FEATURE, FEATURE_BIS), self.data.n_features)
        plain = variable.rename({old: dim for old, dim in new.items() if old != dim})
        for dim, size in plain.sizes.items():
            if sizes.get(dim, size) != size:
                raise SpecificationError(
                    f"Variable {name!r} has {size} entries along {dim!r}, and the mixture has "
                    f"{sizes[dim]}. Rename this dim, if it means something else."
                )
        return plain.transpose(CHAIN, DRAW, ...)

    def sample_stats(self, group: xr.Dataset) -> dict[str, np.ndarray]:
        """Return what the sampler says of each draw."""
        beside = {name: self.variables[name] for name in _STATISTICS if name in self.variables}
        found = {}
        for name, values in {**group.data_vars, **beside}.items():
            is_number = values.dtype.kind in "iufb" and {*values.dims} <= {CHAIN, DRAW}
            if is_number and DRAW in values.dims:
                ours = _OTHER_NAMES.get(str(name), str(name))
                found[ours] = self._of_draws(f"sample_stats, {name!r}", values)
        if "diverging" in found:
            found["diverging"] = found["diverging"].astype(bool)
        return found

    def log_likelihood(self, groups: dict[str, xr.Dataset]) -> np.ndarray | None:
        """Return log-likelihoods of the rows, if they came along."""
        group = groups.get(_LOG_LIKELIHOOD, xr.Dataset())
        _expect_same_rows(groups.get("observed_data", xr.Dataset()), self.data)
        if _LOG_LIKELIHOOD in self.variables:
            values = self.variables[_LOG_LIKELIHOOD]
        elif DATA in group or len(group.data_vars) == 1:
            values = group[DATA if DATA in group else next(iter(group.data_vars))]
        else:
            return None
        array = self._of_draws("log_likelihood", values)
        if array.ndim != 3 or array.shape[2] != self.data.n_rows:
            raise SpecificationError(
                f"log_likelihood has dims {dict(values.sizes)}; expected chain, draw and the "
                f"{self.data.n_rows} rows of X. Pass the rows that the model was fitted to."
            )
        _expect_finite("log_likelihood", array)
        return array.astype(float)

    def _of_draws(self, name: str, values: xr.DataArray) -> np.ndarray:
        values = values if CHAIN in values.dims else values.expand_dims(CHAIN)
        sizes = {dim: self.variables.sizes[dim] for dim in (CHAIN, DRAW)}
        if any(values.sizes.get(dim) != size for dim, size in sizes.items()):
            raise SpecificationError(
                f"{name} has sizes {dict(values.sizes)}, and the posterior {sizes}. Thin or select "
                "draws in all groups alike, with draws.isel(...)."
            )
        return values.transpose(CHAIN, DRAW, ...).values

    def _read(self, name: str) -> np.ndarray:
        """Return the draws of a parameter, axes as in the tree."""
        variable, dims = self.variables[name], _DIMS[name]
        if self.data.n_features == 1:
            variable = _with_one_feature(variable, dims)
        places = _places(variable, dims)
        if len(places) != len(dims):
            hint = _about_rows(variable) if name == "weights" else _about_sharing(variable, dims)
            raise _wrong_dims(variable, name, hint)
        variable = _in_order_of_features(name, variable, places, self.data.feature_names)
        variable = variable.rename({old: new for old, new in places.items() if old != new})
        variable = variable.transpose(CHAIN, DRAW, *dims)
        self._expect_sizes(name, variable, dims)
        if variable.dtype.kind not in "iuf":
            raise DataError(f"{name} must be numbers, and hold {variable.dtype}.")
        values = np.ascontiguousarray(variable.values, dtype=float)
        _expect_finite(name, values)
        return values

    def _expect_sizes(self, name: str, variable: xr.DataArray, dims: tuple[str, ...]) -> None:
        found = variable.shape[2:]
        sizes = {COMPONENT: self.n_components, FACTOR: found[-1]}  # any number of factors
        wanted = tuple(sizes.get(dim, self.data.n_features) for dim in dims)
        if found == wanted:
            return
        transposed = wanted == found[::-1] and len(wanted) == 2
        mend = (
            "Its axes are in the wrong order: components come before features."
            if transposed
            else "The weights say how many components there are, X how many features."
        )
        raise SpecificationError(
            f"{name} has sizes {dict(zip(dims, found, strict=True))}; expected "
            f"{dict(zip(dims, wanted, strict=True))}. {mend}"
        )

    def _numbers(self, dim: str) -> np.ndarray:
        """Return the numbers that chains or draws have, or new ones."""
        known = self.variables.coords.get(dim)
        is_numbered = known is not None and known.dtype.kind in "iu"
        return known.values if is_numbered else np.arange(self.variables.sizes[dim])


def _places(variable: xr.DataArray, dims: tuple[str, ...]) -> dict[str, str]:
    """Say which dim of a variable is which: by name where it has ours, else by its place."""
    own = [dim for dim in variable.dims if dim not in (CHAIN, DRAW)]
    if len(own) != len(dims):
        return {}
    left = iter(dim for dim in dims if dim not in own)
    return {str(dim): dim if dim in dims else next(left) for dim in own}


def _with_one_feature(variable: xr.DataArray, dims: tuple[str, ...]) -> xr.DataArray:
    """Add the axes of a single feature, which programs for one dimension leave out."""
    lacking = [dim for dim in dims if dim in (FEATURE, FEATURE_BIS)]
    own = [dim for dim in variable.dims if dim not in (CHAIN, DRAW)]
    if len(own) + len(lacking) != len(dims):
        return variable
    return variable.expand_dims(dict.fromkeys(lacking, 1), axis=list(range(-len(lacking), 0)))


def _in_order_of_features(
    name: str, variable: xr.DataArray, places: dict[str, str], features: tuple[str, ...]
) -> xr.DataArray:
    """Return a variable with its features in the order of the table, where they have names."""
    for theirs, ours in places.items():
        known = variable.coords.get(theirs)
        if ours not in (FEATURE, FEATURE_BIS) or known is None or known.dtype.kind not in "UO":
            continue
        labels = [str(label) for label in known.values]
        if sorted(labels) != sorted(features):
            raise SpecificationError(
                f"{name} has the features {labels}, and X has {list(features)}. Pass the columns "
                "that the model was fitted to."
            )
        order = [labels.index(feature) for feature in features]
        variable = variable.isel({theirs: order})
    return variable


def _own_coords(variable: xr.DataArray) -> dict[str, xr.DataArray]:
    """Return coordinates along dims that the tree does not have, as numbers or texts."""
    ours = (CHAIN, DRAW, COMPONENT, FEATURE, FEATURE_BIS)
    found = {}
    for dim in variable.dims:
        known = variable.coords.get(dim)
        if dim in ours or known is None or isinstance(known.to_index(), pd.MultiIndex):
            continue
        values = known.values
        found[dim] = (dim, values if values.dtype.kind in "iufbU" else values.astype(str))
    return found


def _origin(posterior: xr.Dataset) -> str:
    library = posterior.attrs.get("inference_library")
    if not library:
        return "draws from elsewhere"
    return f"draws of {library} {posterior.attrs.get('inference_library_version', '')}".strip()


def _missing(name: str, variables: xr.Dataset) -> SpecificationError:
    wanted = "covariances, or cholesky, or scales and correlations," if name == "covariances" else (
        f"{name}"
    )  # fmt: skip
    return SpecificationError(
        f"draws have no {wanted} but {sorted(map(str, variables.data_vars))}. Say what it is "
        f'called there, with names={{"{name}": ...}}.'
    )


def _wrong_dims(variable: xr.DataArray, name: str, hint: str) -> SpecificationError:
    return SpecificationError(
        f"{name} has dims {variable.dims} of sizes {variable.shape}; expected "
        f"{(CHAIN, DRAW, *_DIMS[name])}. {hint}"
    )


def _about_rows(variable: xr.DataArray) -> str:
    if variable.ndim != 4:
        return "The last axis holds the components."
    return (
        "Weights that differ between rows are no weights of one mixture: give those of an average "
        "row, or their mean over rows, under this name, and these under another one."
    )


def _about_sharing(variable: xr.DataArray, dims: tuple[str, ...]) -> str:
    if variable.ndim == 1 + len(dims):
        return "What components or features share must be written out for each of them."
    return "Name the dims so, or give them in this order."


def _squared(factors: Float[np.ndarray, "chain draw k d d"]) -> np.ndarray:
    if np.any(np.triu(factors, 1)):
        raise DataError(
            "Cholesky factors must be lower triangular, and those of draws have numbers above the "
            "diagonal. Transpose them, if they are upper ones."
        )
    return factors @ np.swapaxes(factors, -1, -2)


def _taken_apart(name: str, matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return standard deviations and correlations of matrices that are positive definite."""
    variances = np.diagonal(matrices, axis1=-2, axis2=-1)
    _expect_positive(name, variances, "must have variances above zero on the diagonal")
    scales = np.sqrt(variances)
    correlations = matrices / (scales[..., :, None] * scales[..., None, :])
    turned = np.swapaxes(correlations, -1, -2)
    uneven = np.abs(correlations - turned)
    if uneven.max() > _TOLERANCE:
        at = np.unravel_index(uneven.argmax(), uneven.shape)
        raise DataError(
            f"{name} must be symmetric matrices; {_place(at)} is not. Are axes in another order?"
        )
    correlations = 0.5 * (correlations + turned)
    places = np.arange(correlations.shape[-1])
    correlations[..., places, places] = 1.0
    try:
        np.linalg.cholesky(correlations)
    except np.linalg.LinAlgError:
        least = np.linalg.eigvalsh(correlations)[..., 0]
        at = np.unravel_index(least.argmin(), least.shape)
        raise DataError(
            f"{name} must be positive definite; {_place(at)} is not: the smallest eigenvalue of "
            f"its correlations is {least[at]:.1e}, and {np.sum(least <= 0)} matrices are like it. "
            "Keep all digits of draws, or drop a feature that is a combination of others."
        ) from None
    return scales, correlations


def _are_uncorrelated(correlations: np.ndarray) -> bool:
    return not np.any(correlations - np.eye(correlations.shape[-1]))


def _expect_finite(name: str, values: np.ndarray) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if wrong.size:
        raise DataError(
            f"{name} must be finite numbers; {_place(wrong[0])} is {values[tuple(wrong[0])]}, and "
            f"so are {len(wrong) - 1} more. Drop draws that were not finished."
        )


def _expect_positive(name: str, values: np.ndarray, what: str = "must be above zero") -> None:
    wrong = np.argwhere(~(values > 0))
    if wrong.size:
        raise DataError(
            f"{name} {what}; {_place(wrong[0])} is {values[tuple(wrong[0])]:g}. If they are on the "
            "logarithmic scale, take exponentials."
        )


def _expect_weights(weights: Float[np.ndarray, "chain draw k"]) -> None:
    away = np.abs(weights.sum(axis=-1) - 1.0)
    if weights.min() >= 0 and away.max() <= _TOLERANCE:
        return
    at = np.unravel_index(away.argmax(), away.shape)
    if weights.min() < 0:
        at = np.unravel_index(weights.min(axis=-1).argmin(), away.shape)
    raise DataError(
        f"weights must be zero or more and sum to one over components; {_place(at)} has "
        f"{np.array2string(weights[at], precision=4)}, with sum {weights[at].sum():g}. Give "
        "probabilities: no logits, and no counts."
    )


def _expect_near(parameters: MixtureParameters, data: Dataset) -> None:
    """Raise where the mixtures lie elsewhere than the rows, or are far too wide or narrow."""
    weights, means = parameters.weights[..., None], parameters.means - data.center
    center = (weights * means).sum(axis=-2)
    squares = weights * (parameters.scales**2 + (means - center[..., None, :]) ** 2)
    spread = np.sqrt(squares.sum(axis=-2))
    away = np.median(np.abs(center), axis=(0, 1)) / data.deviation
    ratio = np.median(spread, axis=(0, 1)) / data.deviation
    wrong = (away > _FAR) | (ratio > _OTHER_UNITS) | (ratio < 1 / _OTHER_UNITS)
    if not wrong.any():
        return
    place = int(np.flatnonzero(wrong)[0])
    raise DataError(
        f"The draws are not those of a mixture of these rows: in {data.feature_names[place]!r} "
        f"their mixture has mean {np.median(center, axis=(0, 1))[place] + data.center[place]:.4g} "
        f"and standard deviation {np.median(spread, axis=(0, 1))[place]:.4g}, the rows "
        f"{data.center[place]:.4g} and {data.deviation[place]:.4g}. Draws must be in the units of "
        "X, with features in its order: give the model's own table, or take draws back from the "
        "standard scale."
    )


def _expect_same_rows(observed: xr.Dataset, data: Dataset) -> None:
    """Raise where draws bring rows along, and they are others."""
    if DATA not in observed or observed[DATA].shape != data.values.shape:
        return
    if not np.allclose(observed[DATA].values, data.values, rtol=1e-6, equal_nan=True):
        raise DataError(
            "The rows in the group 'observed_data' of draws are not those of X. Pass the rows that "
            "the model was fitted to, in their order and units."
        )


def _place(at: Any) -> str:
    """Say where an entry lies: chain, draw and, where there is one, component."""
    names = (CHAIN, DRAW, COMPONENT)
    return ", ".join(f"{name} {int(place)}" for name, place in zip(names, at, strict=False))

"""How far the posterior follows each part of the prior, by power-scaling.

A part of the prior is raised to a power slightly above or below one, by importance weights of the
draws. The distance of the posteriors, divided by the change of the power, is the sensitivity
(Kallioinen et al., 2024; ArviZ's ``psense``).

References
----------
Kallioinen, N., Paananen, T., Buerkner, P.-C. and Vehtari, A. (2024). Detecting and diagnosing prior
and likelihood sensitivity with power-scaling. Statistics and Computing 34, 57.
"""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from bayesgmm.tree.fit import Fit

SENSITIVE = 0.05
"""The sensitivity from which on the authors call a posterior sensitive."""

PART = "part"
_FEWEST_DRAWS = 400  # whose weights have a tail to be smoothed
_PARAMETERS = ["weights", "means", "scales"]


def prior_sensitivity(fit: Fit) -> xr.Dataset:
    """Return the largest sensitivity to each part of the prior, and the parameter that has it.

    ``sensitivity`` and ``parameter`` (part); parts whose density is constant are left out, as
    they have no influence, and all are where there are few draws or the tree holds no log prior.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.prior_sensitivity import prior_sensitivity
    >>> from bayesgmm.tree.fit import Fit
    >>> found = prior_sensitivity(Fit(bg.example_fit()))
    >>> found["part"].values.tolist()
    ['means', 'covariances']
    >>> bool((found["sensitivity"] < 0.05).all())
    True
    """
    from arviz_stats import psense

    parts, values, parameters = [], [], []
    group = fit.tree["log_prior"].to_dataset() if "log_prior" in fit.tree.children else xr.Dataset()
    for part, densities in group.data_vars.items():
        if fit.n_draws < _FEWEST_DRAWS or not np.ptp(densities.values) > 0:
            continue
        with warnings.catch_warnings():  # on the tail of weights that are nearly equal
            warnings.simplefilter("ignore")
            found = psense(fit.tree, var_names=_PARAMETERS, group="prior", group_var_names=[part])
        found = found.fillna(0.0)  # a weight that is one in every draw
        name = max(_PARAMETERS, key=lambda one: float(found[one].max()))
        parts.append(str(part))
        values.append(float(found[name].max()))
        parameters.append(_entry(found[name]))
    return xr.Dataset(
        {"sensitivity": (PART, np.array(values)), "parameter": (PART, np.array(parameters, str))},
        coords={PART: parts},
    )


def _entry(values: xr.DataArray) -> str:
    """Name the entry with the largest value."""
    place = np.unravel_index(values.values.argmax(), values.shape)
    names = [str(values[dim].values[one]) for dim, one in zip(values.dims, place, strict=True)]
    kind = {"weights": "weight", "means": "mean", "scales": "standard deviation"}[str(values.name)]
    of_feature = f" of {names[1]}" if len(names) > 1 else ""
    return f"{kind}{of_feature}, component {names[0]}"

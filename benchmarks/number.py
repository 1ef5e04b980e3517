"""What the posterior of the number of components costs: sweeps, and effective draws of it."""

from __future__ import annotations

import time
import warnings

import numpy as np
from arviz_stats.base import array_stats
from settings import Settings
from tables import Record, Table

import bayesgmm as bg

NOTE = (
    "bg.fit as a whole, compiled before, four chains on all cores; CPU is that of all of them. "
    "galaxies: the priors of Richardson & Green (1997), every sweep kept. Others: "
    "BetaNegativeBinomial(), DynamicDirichlet() and InverseWishart(scale_matrix=Wishart()), "
    "default settings, so that chains are continued with more sweeps for each draw where they mix "
    "slowly. K, K+: effective draws of the numbers of components and of clusters."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of numbers of components."""
    galaxies = bg.datasets.load("galaxies") / 1000
    penguins = bg.datasets.load("penguins").select_dtypes("number").dropna()
    columns = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    recommended = bg.MixtureSpec(
        bg.BetaNegativeBinomial(),
        weights=bg.DynamicDirichlet(),
        covariances=bg.InverseWishart(scale_matrix=bg.Wishart()),
    )
    long, usual = bg.Gibbs(draws=50_000), bg.Gibbs()
    if settings.quick:
        long = usual = bg.Gibbs(draws=50, tune=50)
    cases = {
        "galaxies": (galaxies, _richardson_and_green(galaxies.to_numpy()), long),
        "faithful": (bg.datasets.load("faithful"), recommended, usual),
        "penguins": (penguins[columns], recommended, usual),
    }
    records = []
    for name, (rows, spec, engine) in cases.items():
        _fit(rows, spec, bg.Gibbs(draws=20, tune=20))  # loads what is compiled
        records.append(_record(name, rows, spec, engine))
    return [Table("The number of components", NOTE, records)]


def _richardson_and_green(y: np.ndarray) -> bg.MixtureSpec:
    spread, middle = float(np.ptp(y)), float(y.min() + np.ptp(y) / 2)
    covariances = bg.InverseWishart(4, bg.Wishart(0.4, spread**2 / 10))
    means = bg.NormalMeans(middle, spread)
    return bg.MixtureSpec(bg.UniformCount(1, 30), means=means, covariances=covariances)


def _record(name: str, rows: object, spec: bg.MixtureSpec, engine: bg.Gibbs) -> Record:
    started, cpu = time.perf_counter(), time.process_time()
    tree = _fit(rows, spec, engine)
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    posterior = tree["posterior"]
    number, clusters = (
        float(array_stats.ess(posterior[one].values.astype(float), chain_axis=0, draw_axis=1))
        for one in ("n_components", "n_clusters")
    )
    return {
        "table": name,
        "n": tree["observed_data"].sizes["obs_id"],
        "d": posterior.sizes["feature"],
        "seconds": round(seconds, 1),
        "CPU": round(used, 1),
        "K": round(number),
        "K+": round(clusters),
        "K each CPU second": round(number / used, 1),
        "most probable K+": int(np.bincount(posterior["n_clusters"].values.ravel()).argmax()),
        "passed": str(bg.diagnose(tree).passed),
    }


def _fit(rows: object, spec: bg.MixtureSpec, engine: bg.Gibbs) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.BayesGMMWarning)  # the verdict is in the table
        return bg.fit(rows, spec, engine=engine, random_seed=1, progress=False)

"""Simulation-based calibration: whether the draws of every engine are those of the posterior.

    python benchmarks/calibration.py --replications 1000 --work runs --out benchmarks/calibration

Finished replications stay in the folder ``--work``: an interrupted run goes on when it is called
again, and ``--replications`` may be raised later. ``--only nuts-full gibbs-full`` picks cases;
``--report`` writes down what the folder holds and runs nothing.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

import arviz_plots
import matplotlib as mpl
import xarray as xr

import bayesgmm as bg

SEED, N_ROWS, N_FEATURES, N_COMPONENTS = 20261121, 60, 2, 2

SCALES, CORRELATIONS = bg.InverseGamma(8.0, 6.0), bg.LKJ(2.0)

STRUCTURES = {
    "full": bg.Full(scales=SCALES, correlations=CORRELATIONS),
    "tied": bg.Tied(scales=SCALES, correlations=CORRELATIONS),
    "diagonal": bg.Diagonal(scales=SCALES),
    "spherical": bg.Spherical(scales=SCALES),
    "tied-diagonal": bg.TiedDiagonal(scales=SCALES),
    "tied-spherical": bg.TiedSpherical(scales=SCALES),
    "inverse-wishart": bg.InverseWishart(8.0, 4.0),
    "tied-inverse-wishart": bg.TiedInverseWishart(8.0, 4.0),
}

ENGINES = {
    "nuts": bg.NUTS(draws=250, tune=300, chains=2),
    "gibbs": bg.Gibbs(draws=500, tune=200, chains=2, thin=10),
    "laplace": bg.Laplace(draws=99),
    "advi": bg.ADVI(draws=99),
    "fullrank": bg.ADVI("fullrank", draws=99),
}

CASES = [
    *(f"{engine}-full" for engine in ENGINES),
    *(f"{engine}-{name}" for name in STRUCTURES if name != "full" for engine in ("nuts", "gibbs")),
]


def spec(structure: str) -> bg.MixtureSpec:
    """Return priors under which components overlap often, but seldom vanish."""
    return bg.MixtureSpec(
        N_COMPONENTS,
        weights=bg.Dirichlet(4.0),
        means=bg.NormalMeans(0.0, 2.0),
        covariances=STRUCTURES[structure],
    )


def run(case: str, replications: int, work: Path) -> bg.Calibration:
    """Go on with a case until it has so many replications."""
    engine, structure = case.split("-", 1)
    return bg.calibrate(
        spec(structure), ENGINES[engine], n_rows=N_ROWS, n_features=N_FEATURES,
        n_replications=replications, random_seed=SEED, path=work / f"{case}.nc",
    )  # fmt: skip


def report(case: str, work: Path) -> bg.Calibration | None:
    """Return what has been finished of a case, if anything."""
    path = work / f"{case}.nc"
    if not path.exists():
        return None
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        finished = stored.sizes["replication"] + len(json.loads(stored.attrs["failures"]))
    return run(case, finished, work)


def draw(case: str, calibration: bg.Calibration, folder: Path) -> None:
    """Draw the difference between the distribution of normalized ranks and the uniform one."""
    collection = arviz_plots.plot_ecdf_pit(
        calibration.pit,
        envelope_prob=0.99,
        backend="matplotlib",
        visuals={"xlabel": False},
        figure_kwargs={"figsize": (11, 7)},
    )
    collection.savefig(folder / f"{case}.png", dpi=60)


def table(results: dict[str, bg.Calibration]) -> str:
    """Return one line a case; figures are those of the quantity with the smallest p-value."""
    lines = [
        "| case | replications | failed | passed | worst quantity | its p-value "
        "| its mean PIT | its coverage, % | least effective, % |",
        "| --- | ---: | ---: | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for case, calibration in results.items():
        figures, ranks = calibration.figures, calibration.ranks
        worst = figures.isel(quantity=int(figures["p_value"].values.argmin()))
        lines.append(
            f"| {case} | {ranks.sizes['replication']} | {len(ranks.attrs['failures'])} "
            f"| {'yes' if calibration.passed else 'no'} "
            f"| {worst['quantity'].item()} | {float(worst['p_value']):.2g} "
            f"| {float(worst['mean_pit']):.3f} | {100 * float(worst['coverage']):.0f} "
            f"| {100 * float(figures['effective'].min()):.0f} |"
        )
    return "\n".join(lines)


def details(results: dict[str, bg.Calibration]) -> str:
    """Return the verdict on every case with the figures of all quantities."""
    return "\n\n".join(
        f"## {case}\n\n```\n{calibration}\n```" for case, calibration in results.items()
    )


def main() -> None:
    """Run the cases that were asked for, and write what is known after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES, metavar="CASE",
                        help=f"of {', '.join(CASES)}")  # fmt: skip
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--work", type=Path, required=True, help="keeps finished replications")
    parser.add_argument("--out", type=Path, required=True, help="folder for table and figures")
    options = parser.parse_args()
    mpl.use("agg")
    for folder in (options.work, options.out):
        folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, bg.Calibration] = {}
    for case in options.only:
        if options.report:
            calibration = report(case, options.work)
        else:
            calibration = run(case, options.replications, options.work)
        if calibration is None:
            continue
        results[case] = calibration
        draw(case, calibration, options.out)
        heading = f"Date {date.today().isoformat()}, seed {SEED}, bayesgmm {bg.__version__}."
        text = "\n\n".join([heading, table(results), details(results)])
        (options.out / "results.md").write_text(text + "\n")


if __name__ == "__main__":
    main()

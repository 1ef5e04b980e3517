"""The tour: penguins in, a posterior and a picture out."""

from __future__ import annotations

from json import loads
from pathlib import Path

import bayesgmm as bg
from bayesgmm.cli.fit import keep
from bayesgmm.cli.messages import without_verdicts
from bayesgmm.cli.places import expect_new, expect_picture, expect_result
from bayesgmm.cli.results import load_fit, say
from bayesgmm.errors import BayesGMMError
from bayesgmm.examples import PENGUIN_MEASUREMENTS
from bayesgmm.schema import record


def run_demo(folder: Path, seed: int, *, force: bool, json: bool) -> None:
    """Fit the penguins, show the posterior, and leave it and its picture in a folder.

    What an earlier demo left there is replaced, and other files only with ``force``.
    """
    out, picture = folder / "penguins.nc", folder / "penguins.png"
    expect_result(out)
    expect_picture(picture)
    birds = bg.datasets.load("penguins")[list(PENGUIN_MEASUREMENTS)]
    spec = bg.MixtureSpec(n_components=3)
    if not force and not _is_of_demo(out, spec):
        for file in (out, picture):
            expect_new(file, "--out-dir")
    say(
        f"{len(birds)} Palmer penguins, {birds.shape[1]} measurements of each; their species are "
        "kept from the model. Two were never measured, and stay."
    )
    say("The first fit on a machine compiles for about twenty seconds; later ones take seconds.")
    with without_verdicts():
        tree = bg.fit(birds, spec, random_seed=seed)
    keep(tree, out, picture, json=json, rows="birds")


def _is_of_demo(out: Path, spec: bg.MixtureSpec) -> bool:
    """Say whether there is a fit of these measurements, by the same specification."""
    try:
        tree = load_fit(out)
    except BayesGMMError:
        return False
    features = tuple(tree["posterior"]["feature"].values)
    return features == PENGUIN_MEASUREMENTS and record(tree)["spec"] == loads(spec.to_json())

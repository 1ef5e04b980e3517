"""The command ``demo``: a fit of the Palmer penguins, with a plot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import bayesgmm as bg
from bayesgmm.cli.fit import keep
from bayesgmm.cli.messages import without_verdicts
from bayesgmm.cli.results import expect_new, expect_picture, expect_result, load_fit, say
from bayesgmm.errors import BayesGMMError
from bayesgmm.examples import PENGUIN_MEASUREMENTS
from bayesgmm.schema import record

_COMPONENTS = 3


def run_demo(folder: Path, seed: int, *, force: bool, json: bool) -> None:
    """Fit the penguins, show the posterior, and write it and its plot to a folder.

    Files of a demo with the same seed are replaced, other files only with ``force``.
    """
    out, picture = folder / "penguins.nc", folder / "penguins.png"
    expect_result(out)
    expect_picture(picture)
    birds = bg.datasets.load("penguins")[list(PENGUIN_MEASUREMENTS)]
    if not force and not _is_of_demo(out, birds, seed):
        for file in (out, picture):
            expect_new(file, "--out-dir")
    say(
        f"{len(birds)} Palmer penguins, {birds.shape[1]} measurements of each; the model does not "
        "see their species. Two penguins without any measurement are kept."
    )
    say("The first fit on a machine compiles for about twenty seconds; later ones take seconds.")
    with without_verdicts():
        tree = bg.fit(birds, bg.MixtureSpec(_COMPONENTS), random_seed=seed)
    keep(tree, out, picture, json=json, rows="birds")


def _is_of_demo(out: Path, birds: pd.DataFrame, seed: int) -> bool:
    """Return whether the file is a demo fit of these rows with the same seed."""
    try:
        tree = load_fit(out)
    except BayesGMMError:
        return False
    rows, n_components = tree["observed_data"]["x"].values, tree["posterior"].sizes["component"]
    known = n_components == _COMPONENTS and record(tree)["seed"] == str(seed)
    return known and np.array_equal(rows, birds, equal_nan=True)

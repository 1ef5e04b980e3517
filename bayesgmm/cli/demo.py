"""The tour: penguins in, a posterior and a picture out."""

from __future__ import annotations

from pathlib import Path

import bayesgmm as bg
from bayesgmm.cli.fit import keep
from bayesgmm.cli.messages import without_verdicts
from bayesgmm.cli.places import expect_picture, expect_result
from bayesgmm.cli.results import say
from bayesgmm.examples import PENGUIN_MEASUREMENTS


def run_demo(folder: Path, seed: int, *, json: bool = False) -> None:
    """Fit the penguins, show the posterior, and leave it and its picture in a folder."""
    out, picture = folder / "penguins.nc", folder / "penguins.png"
    expect_result(out)
    expect_picture(picture)
    birds = bg.datasets.load("penguins")[list(PENGUIN_MEASUREMENTS)]
    say(
        f"{len(birds)} Palmer penguins, {birds.shape[1]} measurements of each; their species are "
        "kept from the model. Two were never measured, and stay."
    )
    say("The first fit on a machine compiles for about twenty seconds; later ones take seconds.")
    with without_verdicts():
        tree = bg.fit(birds, bg.MixtureSpec(n_components=3), random_seed=seed)
    keep(tree, out, picture, json=json, rows="birds")

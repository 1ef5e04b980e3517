"""The tour: penguins in, a posterior and a picture out."""

from __future__ import annotations

from pathlib import Path

import bayesgmm as bg
from bayesgmm.cli.results import expect_writable, say, show, write
from bayesgmm.examples import PENGUIN_MEASUREMENTS


def run_demo(folder: Path, seed: int) -> None:
    """Fit the penguins, show the posterior, and leave it and its picture in a folder."""
    out, picture = folder / "penguins.nc", folder / "penguins.png"
    expect_writable(out)
    expect_writable(picture, picture=True)
    birds = bg.datasets.load("penguins")[list(PENGUIN_MEASUREMENTS)]
    say(
        f"{len(birds)} Palmer penguins, {birds.shape[1]} measurements of each; their species are "
        "kept from the model. Two were never measured, and stay."
    )
    say("The first fit on a machine compiles for about twenty seconds; later ones take seconds.")
    tree = bg.fit(birds, bg.MixtureSpec(n_components=3), random_seed=seed)
    show(tree, rows="birds")
    write(tree, out, picture)

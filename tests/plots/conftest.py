"""Fits to draw: real rows, twelve components, and names that are hard to write."""

from __future__ import annotations

import pytest

import bayesgmm as bg

LONG = (
    "length of the bill from the feathers to the tip, in millimeters",
    r"$\alpha_depth of the bill$ (100%)",
    "flipper_length_as_measured_by_the_second_observer_mm",
)
NAMES = ("Adelie penguin (Pygoscelis adeliae)", "Gentoo_$1$", "Chinstrap penguin, bearded")


@pytest.fixture(scope="session")
def twelve():
    made = bg.simulate(600, 12, 2, overlap=0.01, random_seed=3)
    return quick_fit(made.x, bg.MixtureSpec(12))


@pytest.fixture(scope="session")
def named():
    """Three penguin species, a third of them known by names that are too long."""
    table = bg.datasets.load("penguins").dropna(subset=["body_mass_g"])
    names = dict(zip(("Adelie", "Gentoo", "Chinstrap"), NAMES, strict=True))
    known = [names[each] if row % 3 == 0 else None for row, each in enumerate(table["species"])]
    columns = table.iloc[:, [table.columns.get_loc(name) for name in (
        "bill_length_mm", "bill_depth_mm", "flipper_length_mm")]]  # fmt: skip
    return quick_fit(columns.set_axis(list(LONG), axis=1), bg.MixtureSpec(3), labels=known)


@pytest.fixture(scope="session")
def patchy():
    """Two components, with missing cells, weights (some zero) and a point mass."""
    made = bg.simulate(200, 2, 2, overlap=0.02, missing=0.2, random_seed=5)
    rows = made.x.values.copy()
    rows[:40, 0] = 0.3
    weights = [row % 4 for row in range(200)]
    return quick_fit(rows, bg.MixtureSpec(2), sample_weight=weights)


@pytest.fixture(scope="session")
def single():
    """One component of one feature."""
    made = bg.simulate(100, 2, 1, overlap=0.5, random_seed=5)
    return quick_fit(made.x, bg.MixtureSpec(1))


def quick_fit(rows, spec, **options):
    engine = bg.Laplace(draws=200)
    return bg.fit(rows, spec, engine=engine, random_seed=1, progress=False, **options)

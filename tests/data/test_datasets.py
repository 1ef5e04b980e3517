"""The data that ship with the package."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.data import datasets
from bayesgmm.errors import SpecificationError


def test_penguins_are_those_of_the_source():
    penguins = datasets.load("penguins")
    assert penguins["species"].value_counts().to_dict() == {
        "Adelie": 152,
        "Gentoo": 124,
        "Chinstrap": 68,
    }
    measured = penguins.filter(regex="_mm$|_g$")
    assert measured.shape == (344, 4)
    assert measured.isna().all(axis=1).sum() == 2
    assert penguins["sex"].isna().sum() == 11


def test_eruptions_of_old_faithful_are_those_of_the_source():
    """Means and ranges as R prints them for its copy of the table."""
    faithful = datasets.load("faithful")
    assert faithful.shape == (272, 2)
    assert faithful["eruptions"].mean() == pytest.approx(3.488, abs=5e-4)
    assert faithful["waiting"].mean() == pytest.approx(70.9, abs=0.05)
    assert faithful.agg(["min", "max"]).values.tolist() == [[1.6, 43.0], [5.1, 96.0]]


def test_galaxies_are_without_the_mistake_of_a_common_copy():
    galaxies = datasets.load("galaxies")
    assert galaxies.shape == (82, 1)
    velocities = galaxies["velocity_km_s"]
    assert velocities.is_monotonic_increasing
    assert velocities.iloc[[0, 77, 81]].tolist() == [9172, 26960, 34279]


def test_wholesale_customers_are_those_of_the_source():
    """Counts of the codes and means of the amounts as published with the table."""
    customers = datasets.load("wholesale_customers")
    assert customers.shape == (440, 8)
    assert customers["channel"].value_counts().to_dict() == {1: 298, 2: 142}
    assert customers["region"].value_counts().to_dict() == {1: 77, 2: 47, 3: 316}
    means = customers.drop(columns=["channel", "region"]).mean().round(2)
    assert means.tolist() == [12000.30, 5796.27, 7951.28, 3071.93, 2881.49, 1524.87]


def test_vowels_have_the_published_averages():
    """First two formants of Table II of Peterson and Barney (1952), in Hz.

    They are rounded to tens there, and the table that survived is not quite the one that they
    averaged (Watrous, 1991).
    """
    published = {
        ("man", "heed"): (270, 2290),
        ("man", "hid"): (390, 1990),
        ("man", "had"): (660, 1720),
        ("man", "hod"): (730, 1090),
        ("man", "hawed"): (570, 840),
        ("man", "hood"): (440, 1020),
        ("man", "who'd"): (300, 870),
        ("woman", "had"): (860, 2050),
    }
    vowels = datasets.load("vowels")
    assert vowels.groupby("word").size().eq(152).all()
    averages = vowels.groupby(["kind", "word"])[["f1_hz", "f2_hz"]].mean()
    for who, formants in published.items():
        np.testing.assert_allclose(averages.loc[who], formants, rtol=0, atol=12)


def test_wines_are_those_of_scikit_learn():
    from sklearn.datasets import load_wine

    wine, source = datasets.load("wine"), load_wine()
    np.testing.assert_array_equal(wine.drop(columns="cultivar"), source["data"])
    np.testing.assert_array_equal(wine["cultivar"], source["target"])


def test_each_call_returns_a_new_copy():
    first = datasets.load("penguins")
    first["year"] = 0
    assert datasets.load("penguins")["year"].min() == 2007


def test_every_name_loads():
    for name in datasets.available():
        assert len(datasets.load(name)) > 0


def test_only_tables_count_as_data_sets():
    """The folder holds a page on sources and licenses, too."""
    assert datasets.available() == (
        "faithful", "galaxies", "penguins", "vowels", "wholesale_customers", "wine",
    )  # fmt: skip


def test_every_data_set_is_described():
    for name in datasets.available():
        assert f'``"{name}"``' in datasets.load.__doc__


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(SpecificationError, match=r"'pinguins'; available: faithful, .*penguins"):
        datasets.load("pinguins")

"""Small, real data sets that ship inside the package, for examples and first tries."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from bayesgmm.errors import SpecificationError

if TYPE_CHECKING:
    import pandas as pd

_TABLES = files("bayesgmm.data") / "tables"


def available() -> tuple[str, ...]:
    """Return the names that :func:`load` knows.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.datasets.available()
    ('penguins',)
    """
    names = (entry.name for entry in _TABLES.iterdir())
    return tuple(sorted(name.removesuffix(".csv") for name in names if name.endswith(".csv")))


def load(name: str) -> pd.DataFrame:
    """Load a data set as a data frame.

    ``"penguins"``: 344 penguins of three species (Adelie, Chinstrap, Gentoo) measured near
    Palmer Station, Antarctica, 2007 to 2009. Columns ``species``, ``island``,
    ``bill_length_mm``, ``bill_depth_mm``, ``flipper_length_mm``, ``body_mass_g``, ``sex`` and
    ``year``. Two birds lack all measurements and eleven the sex. Collected by K. Gorman and the
    Palmer Station LTER; in the public domain (CC0).

    Parameters
    ----------
    name : str
        One of :func:`available`.

    Returns
    -------
    pandas.DataFrame
        One row per individual; a new copy each time.

    Raises
    ------
    SpecificationError
        If there is no data set of this name.

    References
    ----------
    Gorman, K. B., Williams, T. D. and Fraser, W. R. (2014). Ecological sexual dimorphism and
    environmental variability within a community of Antarctic penguins (genus Pygoscelis).
    PLoS ONE 9(3), e90081.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> penguins = bg.datasets.load("penguins")
    >>> penguins.shape
    (344, 8)
    >>> penguins[["bill_length_mm", "bill_depth_mm"]].dropna().shape
    (342, 2)
    """
    if name not in available():
        raise SpecificationError(
            f"There is no data set {name!r}; available: {', '.join(available())}."
        )
    import pandas as pd

    with as_file(_TABLES / f"{name}.csv") as path:
        return pd.read_csv(path)

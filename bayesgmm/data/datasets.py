"""Small, real data sets that ship inside the package, for examples and first tries.

>>> import bayesgmm as bg
>>> bg.datasets.load("faithful").shape
(272, 2)
"""

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
    ('faithful', 'galaxies', 'penguins', 'vowels', 'wholesale_customers', 'wine')
    """
    names = (entry.name for entry in _TABLES.iterdir())
    return tuple(sorted(name.removesuffix(".csv") for name in names if name.endswith(".csv")))


def load(name: str) -> pd.DataFrame:
    """Load a data set as a data frame.

    ``"faithful"``: 272 eruptions of the geyser Old Faithful in Yellowstone National Park, USA.
    Columns ``eruptions``, how long each lasted, and ``waiting``, the time to the next, both in
    minutes. From Haerdle (1991); see Azzalini and Bowman (1990). A table of facts.

    ``"galaxies"``: how fast 82 galaxies in the region of Corona Borealis move away from us. Column
    ``velocity_km_s``, in km/s, sorted. From Roeder (1990). The 78th value is 26960; a common copy
    has 26690 by mistake. A table of facts.

    ``"penguins"``: 344 penguins of three species (Adelie, Chinstrap, Gentoo) measured near
    Palmer Station, Antarctica, 2007 to 2009. Columns ``species``, ``island``,
    ``bill_length_mm``, ``bill_depth_mm``, ``flipper_length_mm``, ``body_mass_g``, ``sex`` and
    ``year``. Two birds lack all measurements and eleven the sex. Collected by K. Gorman and the
    Palmer Station LTER (Gorman et al., 2014); in the public domain (CC0).

    ``"vowels"``: 76 people, men, women and children, read ten words twice. Columns ``speaker``,
    ``kind`` (man, woman, child), ``sex``, ``word`` (heed, hid, head, had, hud, hod, hawed, hood,
    who'd, heard), ``vowel`` in the phonetic alphabet, ``repetition``, and in Hz the pitch
    ``f0_hz`` and the first three formants ``f1_hz``, ``f2_hz`` and ``f3_hz``, the resonances of
    the vocal tract. From Peterson and Barney (1952), by way of the R package phonTools of
    S. Barreda (BSD-2-Clause). A table of facts.

    ``"wholesale_customers"``: what 440 customers of a wholesaler in Portugal spent in a year on
    ``fresh``, ``milk``, ``grocery``, ``frozen``, ``detergents_paper`` and ``delicassen`` products,
    in monetary units. ``channel`` is 1 for hotels, restaurants and cafes and 2 for retail;
    ``region`` is 1 for Lisbon, 2 for Oporto and 3 for elsewhere. From N. Abreu (2011), data set
    292 of the UCI Machine Learning Repository, https://doi.org/10.24432/C5030X, licensed under
    CC BY 4.0, https://creativecommons.org/licenses/by/4.0/; names of columns put in lower case.

    ``"wine"``: 178 wines from one region of Italy, of three grape varieties: ``cultivar`` is 0 for
    Barolo, 1 for Grignolino and 2 for Barbera. Thirteen properties: ``alcohol``, ``malic_acid``,
    ``ash``, ``alcalinity_of_ash``, ``magnesium``, ``total_phenols``, ``flavanoids``,
    ``nonflavanoid_phenols``, ``proanthocyanins``, ``color_intensity``, ``hue``, ``od280_od315``
    and ``proline``. From Forina et al. (1986), as given to the UCI Machine Learning Repository by
    S. Aeberhard, data set 109, https://doi.org/10.24432/C5PC7J, licensed under CC BY 4.0,
    https://creativecommons.org/licenses/by/4.0/; columns named, cultivars counted from 0.

    Parameters
    ----------
    name : str
        One of :func:`available`.

    Returns
    -------
    pandas.DataFrame
        One row per eruption, galaxy, bird, spoken word, customer or wine; a new copy each time.

    Raises
    ------
    SpecificationError
        If there is no data set of this name.

    References
    ----------
    Abreu, N. (2011). Analise do perfil do cliente Recheio e desenvolvimento de um sistema
    promocional. Master's thesis, ISCTE-IUL, Lisbon.

    Azzalini, A. and Bowman, A. W. (1990). A look at some data on the Old Faithful geyser.
    Applied Statistics 39, 357-365.

    Forina, M., Armanino, C., Castino, M. and Ubigli, M. (1986). Multivariate data analysis as a
    discriminating method of the origin of wines. Vitis 25, 189-201.

    Gorman, K. B., Williams, T. D. and Fraser, W. R. (2014). Ecological sexual dimorphism and
    environmental variability within a community of Antarctic penguins (genus Pygoscelis).
    PLoS ONE 9(3), e90081.

    Haerdle, W. (1991). Smoothing Techniques with Implementation in S. New York: Springer.

    Peterson, G. E. and Barney, H. L. (1952). Control methods used in a study of the vowels.
    Journal of the Acoustical Society of America 24, 175-184.

    Roeder, K. (1990). Density estimation with confidence sets exemplified by superclusters and
    voids in the galaxies. Journal of the American Statistical Association 85, 617-624.

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

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose

from bayesgmm.errors import SpecificationError
from bayesgmm.models.covariances import declare_scale
from bayesgmm.priors.scales import Exponential, Gamma, HalfNormal, HalfT, InverseGamma, LogNormal
from tests.models.reference import FAST
from tests.references.density import scale_distribution

PRIORS = [
    HalfT(2.0),
    HalfT((0.1, 30.0), 4.5),
    HalfNormal(2.0),
    HalfNormal((0.1, 30.0)),
    LogNormal(-1.0, 0.5),
    LogNormal((-1.0, 3.0), 0.5),
    Exponential((10.0, 0.2)),
    Gamma(3.0, (10.0, 0.2)),
    Gamma((1.5, 3.0), 2.0),
    InverseGamma((2.0, 4.0), (0.1, 30.0)),
]


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_log_density_is_that_of_scipy(prior):
    values = np.array([[1e-3, 0.5], [0.2, 7.0], [40.0, 300.0]])
    with pm.Model(coords={"component": range(3), "feature": ["a", "b"]}):
        variable = declare_scale(prior, "scales", size=2, dims=("component", "feature"))
    ours = pm.logp(variable, values).eval(mode=FAST)
    # The constant of PyMC's half-t density is off by some 4e-8.
    tolerance = {"atol": 1e-7} if isinstance(prior, HalfT) else {"rtol": 1e-12}
    assert_allclose(ours, scale_distribution(prior).logpdf(values), **tolerance)


def test_a_scale_that_all_features_share_is_a_number():
    with pm.Model():
        variable = declare_scale(HalfNormal(2.0), "scale", size=1, dims=())
    assert variable.ndim == 0


def test_the_number_of_hyperparameters_is_checked():
    with pm.Model(), pytest.raises(SpecificationError, match="3 entries but 2"):
        declare_scale(HalfNormal((1.0, 2.0, 3.0)), "scale", size=2)


def test_an_unknown_prior_is_refused():
    class Unknown(HalfNormal.__base__):
        resolved = standardized = terms = draw = None

    with pytest.raises(SpecificationError, match="Unknown has no PyMC distribution"):
        declare_scale(Unknown(), "scale", size=1)

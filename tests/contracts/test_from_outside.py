"""A scale prior and covariance structures that the package has never seen work everywhere."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose
from pytensor.tensor import TensorVariable
from typer.testing import CliRunner

import bayesgmm as bg
from bayesgmm.cli.app import app
from bayesgmm.estimation.problem import Problem
from bayesgmm.models.covariances import declare_scale
from bayesgmm.priors import catalog
from bayesgmm.priors.catalog import (
    part_named,
    register,
    structure_named,
    structures_by_likelihood,
    typed,
)
from bayesgmm.priors.covariances import DiagonalStructure
from bayesgmm.priors.hyperparameters import Hyperparameter, checked, collapsed, filled
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.scales import Columns, LogScaleTerms, ScalePrior
from tests.cases import random_parameters
from tests.contracts.test_log_density import expect_equal_densities

ENGINES = {
    "nuts": bg.NUTS(draws=60, tune=100, chains=2),
    "gibbs": bg.Gibbs(draws=60, tune=60, chains=2),
}


@register
@dataclass(frozen=True)
class Rayleigh(ScalePrior):
    """p(sigma) = sigma / scale^2 exp(-sigma^2 / (2 scale^2)): no prior of the package."""

    unit_parameters: ClassVar[tuple[str, ...]] = ("scale",)
    scale: Hyperparameter = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", checked("Rayleigh", "scale", self.scale, by_column=True))

    def resolved(self, columns: Columns) -> Rayleigh:
        return replace(self, scale=filled(self.scale, columns.deviation, columns.names))

    def standardized(self, factor: np.ndarray) -> Rayleigh:
        return replace(self, scale=collapsed(np.asarray(self.scale) / factor))

    def terms(self, size: int) -> LogScaleTerms:
        scale = np.broadcast_to(self.scale, size)
        return LogScaleTerms.of(
            constant=-2.0 * np.log(scale), power=1.0, rate=0.5 / scale**2, exponent=2.0
        )

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.rayleigh(self.scale, shape)


@declare_scale.register
def _(prior: Rayleigh, name: str, *, size: int, **declaration: Any) -> TensorVariable:
    # A Weibull distribution of shape 2.
    scale = np.asarray(prior.scale) * math.sqrt(2.0)
    return pm.Weibull(name, alpha=2.0, beta=scale, **declaration)


@register
@dataclass(frozen=True)
class OneRadius(DiagonalStructure):
    """Components are balls of one radius, with a prior of its own by default."""

    volume: ClassVar[str] = "equal"
    shape: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        if self.scales is None:
            object.__setattr__(self, "scales", Rayleigh())
        super().__post_init__()

    def sentences(self) -> dict[str, str]:
        return {"covariances  :": f"balls of one radius ~ {self.scales}"}


@register
@dataclass(frozen=True)
class Shrunken(bg.Tied):
    """One covariance matrix, in words of its own."""

    @property
    def scales_in_words(self) -> str:
        return "a distribution of our own"


@register
@dataclass(frozen=True)
class Conjugate(InverseWishartStructure):
    """Own covariance matrices, with an inverse-Wishart prior."""


CASES = {
    "prior": (bg.Full(scales=Rayleigh(), correlations=bg.LKJ(1.5)), "Rayleigh(scale"),
    "structure": (OneRadius(), "the distribution Rayleigh(scale"),
    "subclass": (Shrunken(scales=bg.HalfNormal()), "a distribution of our own"),
    "inverse-wishart": (Conjugate(), "an inverse-Wishart distribution"),
}


LIKE = {
    "prior": "full", "structure": "tied-spherical", "subclass": "tied", "inverse-wishart": "full",
}  # fmt: skip
"""The structures of the package with the same maximum likelihood."""


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.vstack([rng.normal(-3.0, 1.0, (40, 2)), rng.normal(3.0, 1.0, (40, 2))])


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("case", ["prior", "structure"])
def test_it_goes_everywhere(rows, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    structure, words = CASES[case]
    spec = bg.MixtureSpec(2, covariances=structure)
    assert bg.MixtureSpec.from_json(spec.to_json()) == spec
    for name, engine in ENGINES.items():
        tree = bg.fit(rows, spec, engine=engine, random_seed=1, progress=False)
        means = bg.summarize(tree)["means"].sel(statistic="mean").values
        assert_allclose(np.sort(means, axis=0), [[-3, -3], [3, 3]], atol=1.0)  # 6 standard errors
        bg.save(tree, f"{name}.nc")
        assert bg.load(f"{name}.nc").identical(tree)

    page = bg.write_report(tree, "page.html", progress=False)
    for command in (("report", "nuts.nc"), ("cluster", "nuts.nc")):
        result = run(*command)
        assert result.exit_code == 0, result.output
    for written in (page, tmp_path / "nuts.html"):
        assert words in written.read_text(encoding="utf-8")
    assert len((tmp_path / "nuts_clusters.csv").read_text().splitlines()) == 1 + len(rows)


@pytest.mark.parametrize("case", CASES)
def test_its_density_is_that_of_its_model(rows, case):
    spec = bg.MixtureSpec(2, covariances=CASES[case][0], resolution=0.01)
    problem = Problem.pose(rows, spec)
    assert isinstance(problem.spec.covariances, type(spec.covariances))
    parameters = random_parameters(problem.spec, 2, seed=5)
    expect_equal_densities(problem.spec, problem.data, parameters)
    assert bg.build_model(rows, spec).free_RVs


@pytest.mark.parametrize("case", CASES)
def test_it_stands_in_the_selection_and_in_words(rows, case):
    structure, words = CASES[case]
    solver = bg.EM("likelihood", n_starts=1)
    table = bg.select(rows, [1, 2], [structure], solver=solver, random_seed=1, progress=False)
    spec = bg.MixtureSpec.from_json(table.attrs["spec"])
    assert type(spec.covariances) is type(structure)
    own = bg.select(
        rows, [1, 2], [structures_by_likelihood()[LIKE[case]]],
        solver=solver, random_seed=1, progress=False,
    )  # fmt: skip
    assert_allclose(table["BIC"].values, own["BIC"].values)
    assert words in structure.scales_in_words + "("
    kind = type(structure).__name__
    assert type(structure_named(typed(kind))) is type(structure)


def test_a_file_that_names_a_class_not_known_here_is_refused(rows, tmp_path, monkeypatch):
    spec = bg.MixtureSpec(2, covariances=OneRadius())
    tree = bg.fit(rows, spec, engine=bg.Laplace(draws=20), random_seed=1, progress=False)
    path = bg.save(tree, tmp_path / "fit.nc")
    monkeypatch.delitem(catalog._PARTS, "OneRadius")
    with pytest.raises(bg.SchemaError, match=r"fit.nc cannot be read.*'OneRadius'.*import the mod"):
        bg.load(path)
    result = run("cluster", path)
    assert result.exit_code == 2
    assert "No prior or covariance structure 'OneRadius' is known here" in result.stderr
    with pytest.raises(bg.SpecificationError, match="register"):
        bg.MixtureSpec(2, covariances=OneRadius())


@pytest.mark.parametrize("name", ["Popen", "subprocess.Popen", "os", "CovarianceStructure", "type"])
def test_a_name_in_a_file_reaches_no_other_class(name):
    text = json.loads(bg.MixtureSpec(2).to_json())
    text["covariances"]["class"] = name
    with pytest.raises(bg.SpecificationError, match="No prior or covariance structure"):
        bg.MixtureSpec.from_json(json.dumps(text))


def test_only_frozen_dataclasses_with_names_of_their_own_are_registered():
    class Full(bg.Full):
        pass

    with pytest.raises(bg.SpecificationError, match=r"There is a prior .* Full already"):
        register(Full)

    class Plain:
        pass

    with pytest.raises(bg.SpecificationError, match=r"Plain must be a dataclass.*frozen=True"):
        register(Plain)
    assert part_named("Full") is bg.Full


def test_a_class_that_is_defined_anew_takes_the_place_of_its_former_self():
    def defined() -> type:
        @register
        @dataclass(frozen=True)
        class Again(bg.Diagonal):
            pass

        return Again

    former, now = defined(), defined()
    assert part_named("Again") is now
    bg.MixtureSpec(1, covariances=now())
    with pytest.raises(bg.SpecificationError, match="Make the object anew"):
        bg.MixtureSpec(1, covariances=former())

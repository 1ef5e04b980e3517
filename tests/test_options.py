"""Options that make no sense are refused in words, whatever their size."""

from __future__ import annotations

import json

import pytest

import bayesgmm as bg

COUNTS = {
    "MixtureSpec": lambda number: bg.MixtureSpec(number),
    "NUTS": lambda number: bg.NUTS(draws=number),
    "Gibbs": lambda number: bg.Gibbs(tune=number),
    "Laplace": lambda number: bg.Laplace(draws=number),
    "ADVI": lambda number: bg.ADVI(iterations=number),
    "EM": lambda number: bg.EM(n_starts=number),
    "simulate": lambda number: bg.simulate(number, 2, 2, random_seed=1),
    "GaussianMixture": lambda number: bg.GaussianMixture(number).fit([[1.0], [2.0]]),
    "max_iter": lambda number: bg.GaussianMixture(max_iter=number).fit([[1.0], [2.0]]),
}
HYPERPARAMETERS = {
    "NormalMeans": lambda number: bg.NormalMeans(loc=-number),
    "Dirichlet": lambda number: bg.Dirichlet((1.0, number)),
    "HalfNormal": lambda number: bg.HalfNormal(number),
    "InverseWishart": lambda number: bg.InverseWishart(scale_matrix=[[number, 0], [0, number]]),
}


@pytest.mark.parametrize("digits", [20, 400, 5000])
@pytest.mark.parametrize("ask", COUNTS.values(), ids=COUNTS)
def test_counts_of_many_digits_are_refused_in_words(ask, digits):
    with pytest.raises(bg.SpecificationError, match="must be a whole number of at most 1000000000"):
        ask(10**digits)


@pytest.mark.parametrize("digits", [400, 5000])
@pytest.mark.parametrize("ask", HYPERPARAMETERS.values(), ids=HYPERPARAMETERS)
def test_numbers_that_no_float_holds_are_refused_in_words(ask, digits):
    with pytest.raises(bg.SpecificationError, match="must be a"):
        ask(10**digits)


def test_counts_have_a_limit():
    with pytest.raises(bg.DataError, match="1000000000 components need at least"):
        bg.estimate([[1.0], [2.0]], bg.MixtureSpec(10**9))


GOOD = json.loads(bg.MixtureSpec(2).to_json())
WRONG = {
    "nested lists": "[" * 100_000,
    "nested objects": '{"class":' * 100_000,
    "a long number": '{"class": "MixtureSpec", "n_components": ' + "9" * 5000 + "}",
    "a huge number": json.dumps({**GOOD, "n_components": 10**400}),
    "a huge location": json.dumps(
        {**GOOD, "means": {"class": "NormalMeans", "loc": [10**400, 0], "scale": None}}
    ),
    "a class that is a list": json.dumps({**GOOD, "class": ["MixtureSpec"]}),
    "no class": json.dumps({"n_components": 2}),
    "an unknown class": json.dumps({**GOOD, "class": "Mixture"}),
    "an unknown part": json.dumps({**GOOD, "color": 3}),
    "another kind": json.dumps({"class": "Dirichlet", "concentration": 1.0}),
    "a part of a wrong type": json.dumps({**GOOD, "weights": {"class": "LKJ", "eta": 1.0}}),
    "text for a number": json.dumps({**GOOD, "n_components": "2"}),
    "infinite": json.dumps({**GOOD, "n_components": 1e400}),
    "a number": "3",
    "nothing": "",
    "no JSON": "{",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_json_from_elsewhere_is_read_or_refused(text):
    with pytest.raises(bg.SpecificationError):
        bg.MixtureSpec.from_json(text)

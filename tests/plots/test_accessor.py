"""All figures of a fit as methods."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError

import pytest

import bayesgmm as bg
from bayesgmm.plots.accessor import PLOT_NAMES


@pytest.fixture(scope="module")
def plots(tree):
    return bg.Plots(tree)


@pytest.mark.parametrize("name", PLOT_NAMES)
def test_a_method_has_the_options_of_its_function(plots, name):
    function = getattr(bg, f"plot_{name}")
    tree, *others = inspect.signature(function).parameters.values()
    assert tree.name in ("tree", "mixture")
    assert list(inspect.signature(getattr(plots, name)).parameters.values()) == others
    assert getattr(plots, name).__doc__ == function.__doc__


@pytest.mark.parametrize("name", PLOT_NAMES)
def test_options_are_keyword_only(name):
    kinds = [
        each.kind for each in inspect.signature(getattr(bg, f"plot_{name}")).parameters.values()
    ]
    assert sum(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds) <= 2


def test_a_method_draws_what_its_function_draws(tree, plots):
    one, other = plots.weights(ci_prob=0.5), bg.plot_weights(tree, ci_prob=0.5)
    texts = [[text.get_text() for text in each.axes[0].texts] for each in (one, other)]
    assert texts[0] == texts[1]


def test_it_prints_as_a_list_and_does_not_change(plots):
    text = repr(plots)
    assert all(f".{name}()" in text for name in PLOT_NAMES)
    assert max(map(len, text.splitlines())) <= 130
    with pytest.raises(FrozenInstanceError):
        plots.tree = None

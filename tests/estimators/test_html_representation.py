"""The card: all that it should say, and nothing that could be taken for markup."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.utils import estimator_html_repr

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.estimators.html_representation import ComponentLine, Figure, Summary, as_html

NASTY = "<script>alert('&')</script>"


class Reader(HTMLParser):
    """Collect texts and tags, and check that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts, self.tags, self._open = [], [], []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def card_with(n_components: int, n_features: int, **parts: object) -> Summary:
    figure = Figure.with_interval(1.234, 0.05, 1.1, 1.3)
    lines = [
        ComponentLine(f"{NASTY}{number}", 1 / n_components, figure, (figure,) * n_features)
        for number in range(n_components)
    ]
    known = {
        "method": NASTY,
        "passed": True,
        "verdict": NASTY,
        "findings": (Finding(NASTY, NASTY, kind=NASTY),),
        "features": tuple(f"{NASTY}{number}" for number in range(n_features)),
        "components": tuple(lines),
        "caption": NASTY,
    }
    return Summary(**{**known, **parts})


def test_everything_is_escaped():
    reader = Reader(as_html(card_with(2, 3)))
    assert "script" not in reader.tags
    assert sum(NASTY in text for text in reader.texts) == 6 + 3 + 2


def test_large_fits_say_what_is_left_out():
    reader = Reader(as_html(card_with(14, 7)))
    assert reader.tags.count("tr") == 1 + 12
    assert reader.texts[-1].endswith("Not shown: 2 more components and 1 more feature.")


def test_estimates_without_intervals_are_shown_too():
    figure = Figure.alone(0.4567, 1.0)
    summary = card_with(1, 0, components=(ComponentLine("0", 1.0, figure, ()),))
    assert "0.46" in Reader(as_html(summary)).texts
    assert "[" not in as_html(summary)


@pytest.fixture(scope="module")
def fitted() -> bg.BayesianGaussianMixture:
    rows = np.random.default_rng(1).normal(size=(60, 2))
    rows[:30] += 8.0
    table = pd.DataFrame(rows, columns=["length", "width"])
    engine = bg.Laplace(draws=300)
    return bg.BayesianGaussianMixture(2, engine=engine, random_state=1).fit(table)


def summary_of(estimator) -> str:
    return estimator._repr_mimebundle_()["text/html"].rpartition("</body>")[2]


def test_a_fitted_estimator_shows_diagram_and_card(fitted):
    bundle = fitted._repr_mimebundle_()
    assert bundle["text/plain"] == repr(fitted)
    assert "sk-top-container" in bundle["text/html"]
    texts = " ".join(Reader(summary_of(fitted)).texts)
    for part in ("2 components (Full) of 60 rows and 2 features; Laplace, 300 draws", "Pareto k",
                 "NUTS()", "length", "width", "89% equal-tailed interval"):  # fmt: skip
        assert part in texts
    summary = bg.summarize(fitted.idata_)["weights"].sel(component=0)
    figure = Figure.with_interval(*map(float, summary))
    assert figure.text in texts
    assert figure.interval in texts
    assert fitted._repr_html_().rpartition("</body>")[2] == summary_of(fitted)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "tied-diagonal"])
def test_a_point_estimate_shows_a_card_without_intervals(covariance_type):
    rows = np.random.default_rng(1).normal(size=(60, 2)) * [1.0, 100.0]
    mixture = bg.GaussianMixture(1, covariance_type=covariance_type, random_state=0).fit(rows)
    texts = Reader(summary_of(mixture)).texts
    assert texts[0] == (
        f"1 component ({covariance_type}) of 2 features; maximum likelihood by EM, from 1 start"
    )
    assert texts[1].startswith("Converged after 2 steps")
    place = texts.index("x1") + 2
    assert texts[place] == "1.000"
    assert float(texts[place + 2]) == pytest.approx(mixture.means_[0, 1], abs=1.0)
    assert not any("[" in text for text in texts)
    assert summary_of(bg.GaussianMixture()) == ""


def test_a_point_estimate_that_ended_too_soon_says_so():
    rows = np.random.default_rng(1).normal(size=(60, 2))
    mixture = bg.GaussianMixture(3, max_iter=1, random_state=0)
    with pytest.warns(bg.ConvergenceWarning):
        mixture.fit(rows)
    assert "Not converged after 1 step. " in " ".join(Reader(summary_of(mixture)).texts)


def test_an_unfitted_estimator_shows_its_diagram_only():
    assert summary_of(bg.BayesianGaussianMixture()) == ""


def test_a_diagram_that_is_switched_off_stays_off(fitted):
    with sklearn.config_context(display="text"):
        assert set(fitted._repr_mimebundle_()) == {"text/plain"}
        assert not hasattr(fitted, "_repr_html_")


def test_a_pipeline_shows_its_own_diagram(fitted):
    from sklearn.pipeline import make_pipeline

    assert "BayesianGaussianMixture" in estimator_html_repr(make_pipeline(fitted))

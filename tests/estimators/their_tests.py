"""scikit-learn's own tests of its mixtures, with our class in the place of theirs.

    python -m tests.estimators.their_tests

Prints which pass, and why others do not. With ``--words``, errors must also have the words of
scikit-learn's. Tests of private functions, of float32 and of other array libraries are left out.
"""

from __future__ import annotations

import argparse
import re
import sys

import pytest
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.mixture.tests import test_gaussian_mixture, test_mixture

import bayesgmm as bg

PRIVATE = {
    "test_suffstat_sk_full": "tests private functions",
    "test_suffstat_sk_tied": "tests private functions",
    "test_suffstat_sk_diag": "tests private functions",
    "test_gaussian_suffstat_sk_spherical": "tests private functions",
    "test_compute_log_det_cholesky": "tests private functions",
    "test_gaussian_mixture_log_probabilities": "tests private functions",
    "test_gaussian_mixture_precisions_init": "calls private methods",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": "patches a function",
    "test_gaussian_mixture_array_api_compliance": "other array libraries",
    "test_gaussian_mixture_raises_where_array_api_not_implemented": "other array libraries",
}
"""Tests that do not ask for public behavior, and why."""

MODULES = (test_gaussian_mixture, test_mixture)


class Exchange:
    """A plugin of pytest that exchanges the class, and keeps the outcomes."""

    def __init__(self, *, words):
        self.words, self.outcomes, self.reasons = words, {}, {}

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if self._is_public(item)]

    def _is_public(self, item):
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        estimator = parameters.get("estimator")
        if isinstance(estimator, GaussianMixture):
            parameters["estimator"] = bg.GaussianMixture()
        return item.originalname not in PRIVATE and not isinstance(
            estimator, BayesianGaussianMixture
        )

    def pytest_runtest_setup(self, item):
        """Put our class in its place, and a judge of errors that asks for their kind only."""
        item.module.GaussianMixture = bg.GaussianMixture
        if not self.words:
            item.module.pytest = _WithoutWords()

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.failed:
            self.outcomes[report.nodeid.split("::")[-1]] = report.outcome
            if report.failed:
                lines = re.findall(r"^E +(.*)", report.longreprtext, re.MULTILINE)
                self.reasons[report.nodeid.split("::")[-1]] = " ".join(lines[:3])


class _WithoutWords:
    """pytest, but that errors and warnings may have any words."""

    def __getattr__(self, name):
        found = getattr(pytest, name)
        return _without_match(found) if name in ("raises", "warns") else found


def _without_match(expecting):
    def expect(kind, *others, match=None, **options):
        return expecting(kind, *others, **options)

    return expect


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", action="store_true", help="hold the words of errors, too")
    exchange = Exchange(words=parser.parse_args().words)
    files = [str(module.__file__) for module in MODULES]
    options = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-c", "/dev/null"]
    pytest.main([*options, *files], plugins=[exchange])
    for name, outcome in sorted(exchange.outcomes.items()):
        print(f"{outcome:8} {name} {exchange.reasons.get(name, '')}")
    for name, reason in PRIVATE.items():
        print(f"left out {name}: {reason}")
    return int(bool(exchange.reasons))


if __name__ == "__main__":
    sys.exit(main())

"""The estimator beside scikit-learn's of the same name: whole fits, and questions to a fit."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from cases import clouds, iris, overlapping
from settings import Settings
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from tables import Record, Table
from timing import best_seconds, clocked

import bayesgmm as bg

TYPES = ("full", "tied", "diag", "spherical")
CLOUD, QUICK_CLOUD = (20_000, 8, 10), (2_000, 2, 5)
"""Rows, features, components;"""
LARGE_CLOUD, ROUNDS_OF_LARGE = (100_000, 8, 10), 2
"""of the first type only: scikit-learn takes a quarter of a minute for a fit."""
QUESTIONS = ("predict", "predict_proba", "score_samples")

NOTE = (
    "Milliseconds of a whole fit: reading the table, the start, EM until the default tolerance. "
    "Same seed, same start, so that both take the same number of iterations to the same numbers. "
    "kmeans: the start that is the default, scikit-learn's KMeans in both; alone: that start by "
    "itself. random_from_data: a start that costs nothing. Programs in turn, all cores."
)
NOTE_OF_QUESTIONS = (
    "Milliseconds of a question about all rows to a fitted mixture, and scikit-learn's time over "
    "ours. Programs in turn, all cores."
)


def measure(settings: Settings) -> list[Table]:
    """Return the tables of fits and of questions."""
    size = QUICK_CLOUD if settings.quick else CLOUD
    tables = [(iris(), 3), (overlapping(), 3), (clouds(*size)[0], size[2])]
    cases = [(X, k, kind, settings.rounds) for X, k in tables for kind in TYPES]
    if not settings.quick:
        rounds = min(settings.rounds, ROUNDS_OF_LARGE)
        cases.append((clouds(*LARGE_CLOUD)[0], LARGE_CLOUD[2], TYPES[0], rounds))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after as many iterations in both
        fits = [_fit(*case) for case in cases]
        questions = [_question(*case) for case in cases]
    return [
        Table("GaussianMixture, whole fits", NOTE, fits),
        Table("GaussianMixture, questions", NOTE_OF_QUESTIONS, questions),
    ]


def _fit(X: np.ndarray, k: int, covariance_type: str, rounds: int) -> Record:
    record = {"n": X.shape[0], "d": X.shape[1], "k": k, "type": covariance_type}
    for method in ("kmeans", "random_from_data"):
        options = {"covariance_type": covariance_type, "init_params": method, "random_state": 0}
        ours, theirs = bg.GaussianMixture(k, **options), GaussianMixture(k, **options)
        start = KMeans(k, n_init=1, random_state=0)
        clocks = {"ours": partial(ours.fit, X), "theirs": partial(theirs.fit, X)}
        if method == "kmeans":
            clocks["alone"] = partial(start.fit, X)
        seconds = best_seconds({name: clocked(run) for name, run in clocks.items()}, rounds=rounds)
        if ours.n_iter_ != theirs.n_iter_:
            raise RuntimeError(f"{ours.n_iter_} and {theirs.n_iter_} iterations are compared.")
        record[f"{method}, iterations"] = ours.n_iter_
        record |= {f"{method}, {name}": value * 1e3 for name, value in seconds.items()}
        record[f"{method}, theirs / ours"] = seconds["theirs"] / seconds["ours"]
    return record


def _question(X: np.ndarray, k: int, covariance_type: str, rounds: int) -> Record:
    options = {"covariance_type": covariance_type, "random_state": 0}
    ours = bg.GaussianMixture(k, **options).fit(X)
    theirs = GaussianMixture(k, **options).fit(X)
    record = {"n": X.shape[0], "d": X.shape[1], "k": k, "type": covariance_type}
    for question in QUESTIONS:
        clocks = {
            name: clocked(partial(getattr(mixture, question), X))
            for name, mixture in (("ours", ours), ("theirs", theirs))
        }
        seconds = best_seconds(clocks, rounds=rounds)
        record[question] = seconds["ours"] * 1e3
        record[f"{question}, theirs / ours"] = seconds["theirs"] / seconds["ours"]
    return record

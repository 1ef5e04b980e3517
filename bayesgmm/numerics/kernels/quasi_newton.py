"""Quasi-Newton steps for EM: from where it goes, which way is up, and how far.

A state is (3, p): a position x, where EM goes from there, G(x), and one over the rough deviations
of the parameters (``moments.py``). In units of these the residual f(x) = G(x) - x is nearly the
gradient of the log-likelihood, and the curvature nearly one where components lie apart.
Limited-memory quasi-Newton steps on the residual (QN1 of Jamshidian & Jennrich, 1997, with the
formulas of Nocedal, 1980) therefore begin as good as EM, and learn what slows it.

What is learnt is a memory (2, m, p) of steps and the changes of the residual that they made,
negative; ``counts`` are the number of those that are kept, and where the next will be written.

References
----------
Jamshidian, M. and Jennrich, R. I. (1997). Acceleration of the EM algorithm by using quasi-Newton
methods. Journal of the Royal Statistical Society B 59, 569-587.

Nocedal, J. (1980). Updating quasi-Newton matrices with limited storage. Mathematics of Computation
35, 773-782.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly

MEMORY = 14  # steps that stand for the curvature

_TRIES, _SHORTER = 2, 0.25  # steps that are not EM's own, and by how much the second is shorter
_LEAST_COSINE = 0.1  # between step and change of the residual; below, there is little to learn
_STEEP = 0.8  # of the slope: if so much is left after a step, the next may be twice as long,
_LONGEST = 4.0  # up to so many times
_LONGEST_RATIO = 10.0  # to EM's own step
_LONGEST_CHANGE = 3.0  # in logarithms and correlation coordinates: a factor of twenty in a scale


@compiled_exactly
def _write_direction(here, memory, counts, direction):
    """Write the quasi-Newton direction: two loops over what is remembered (Nocedal, 1980).

    Pairs along which the likelihood is not clearly concave are left out.
    """
    (kept, following), (steps, changes), widths = counts, memory, here[2]
    slopes, shares = np.zeros(kept), np.zeros(kept)
    for i in range(direction.shape[0]):
        direction[i] = (here[1, i] - here[0, i]) * widths[i]
    for back in range(kept):
        number = (following - 1 - back) % steps.shape[0]
        along, length, bend, share = 0.0, 0.0, 0.0, 0.0
        for i in range(direction.shape[0]):
            moved, changed = steps[number, i] * widths[i], changes[number, i] * widths[i]
            along += moved * changed
            length += moved * moved
            bend += changed * changed
            share += moved * direction[i]
        if along > _LEAST_COSINE * math.sqrt(length * bend):
            slopes[back], shares[back] = along, share / along
            for i in range(direction.shape[0]):
                direction[i] -= shares[back] * changes[number, i] * widths[i]
    for back in range(kept - 1, -1, -1):
        if slopes[back] > 0.0:
            number = (following - 1 - back) % steps.shape[0]
            excess = 0.0
            for i in range(direction.shape[0]):
                excess += changes[number, i] * widths[i] * direction[i]
            for i in range(direction.shape[0]):
                share = shares[back] - excess / slopes[back]
                direction[i] += share * steps[number, i] * widths[i]
    for i in range(direction.shape[0]):
        direction[i] /= widths[i]


@compiled_exactly
def _allowed_length(length, direction, widths, usual, n_components, n_features):
    """Shorten a step that is far longer than that of EM, or changes logarithms out of bounds."""
    longest, furthest = 0.0, 0.0
    first_mean = n_components - 1
    first_scale = first_mean + n_components * n_features
    for i in range(direction.shape[0]):
        longest = max(longest, widths[i] * abs(direction[i]))
        if i < first_mean or i >= first_scale:
            furthest = max(furthest, abs(direction[i]))
    if longest > 0.0:
        length = min(length, max(1.0, _LONGEST_RATIO * usual / longest))
    return min(length, _LONGEST_CHANGE / furthest) if furthest > 0.0 else length


@compiled_exactly
def propose(here, memory, counts, stretch, n_components, n_features, direction, there):
    """Write a direction, and the position to try next, which is EM's own where nothing is known.

    Returns the length of the step in units of the direction, 0 for EM's own; and what EM's own is
    expected to gain.
    """
    square, slope, length = 0.0, 0.0, 0.0
    _write_direction(here, memory, counts, direction)
    for i in range(direction.shape[0]):
        residual, width = here[1, i] - here[0, i], here[2, i]
        square += width * width * residual * residual
        slope += width * width * residual * direction[i]
    if counts[0] > 0 and slope > 0.0:
        length = _allowed_length(
            stretch, direction, here[2], math.sqrt(square), n_components, n_features
        )
    return place(here, direction, length, 0, there), 0.5 * square


@compiled_exactly
def place(here, direction, length, tries, there):
    """Write the position to try after so many have led down, and return its length.

    First along the direction, then a shorter way, at last as EM goes, which is length 0.
    """
    length = 0.0 if tries == _TRIES else length * _SHORTER**tries
    for i in range(direction.shape[0]):
        there[0, i] = here[0, i] + length * direction[i] if length > 0.0 else here[1, i]
    return length


@compiled_exactly
def remember(here, there, length, memory, counts):
    """Add the step from here to there to the memory; return how long the next may be.

    Where directions have led astray, and EM's own was taken, all that came before is forgotten.
    """
    before, after, number = 0.0, 0.0, counts[1]
    for i in range(here.shape[1]):
        moved = there[0, i] - here[0, i]
        old, new = here[1, i] - here[0, i], there[1, i] - there[0, i]
        memory[0, number, i], memory[1, number, i] = moved, old - new
        before += here[2, i] * here[2, i] * moved * old
        after += here[2, i] * here[2, i] * moved * new
    counts[0] = min((counts[0] if length > 0.0 else 0) + 1, MEMORY)
    counts[1] = (number + 1) % MEMORY
    return min(2.0 * max(length, 1.0), _LONGEST) if after > _STEEP * before else 1.0

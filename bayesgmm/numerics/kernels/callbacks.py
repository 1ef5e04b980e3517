"""The log posterior as C functions, which samplers in other languages call without Python.

Such a function gets pointers only. What it needs lies in one block of numbers: a length, then
for each argument where it begins and its shape, then all arguments, row by row.

The functions see a position through an affine map, position = centre + root @ z: they take z, and
return the log density at the position with its gradient in z. ``root`` is upper triangular.
"""

from __future__ import annotations

import math
from functools import cache

import numba
import numpy as np
from numba import types

from bayesgmm.numerics.kernels.compiling import c_function, inlined
from bayesgmm.numerics.kernels.log_posterior import (
    diagonal_log_posterior,
    diagonal_state,
    full_log_posterior,
    full_state,
)
from bayesgmm.numerics.kernels.patterns import (
    diagonal_pattern_statistics,
    full_pattern_statistics,
)
from bayesgmm.numerics.kernels.rows import diagonal_statistics, full_statistics
from bayesgmm.numerics.mixture_prior import CovariancePrior, MixturePrior

_numbers = types.CPointer(types.float64)
_density_signature = types.int64(types.uint64, _numbers, _numbers, _numbers, types.voidptr)
_position_signature = types.int64(types.uint64, types.uint64, _numbers, _numbers, types.voidptr)

# What nutpie makes of a return code: above zero the trajectory diverged, below zero it gives up.
_DONE, _FAILED, _NOT_FINITE = 0, 1, 2

_ROWS, _FEATURES = 17, 19  # places of the rows, and of the features of patterns
_ENTRY = 4  # numbers that describe one argument: where it begins, and three lengths of axes


def pack_block(centre, root, known, rows, prior):
    """Write what a density needs into one block of numbers.

    That is an affine map, ``known`` (weights and plausibilities), ``rows`` (values alone, or all
    that describes patterns), and a ``MixturePrior``.
    """
    parts = (centre, root, *known, *prior[:-1], *prior.covariances, *rows)
    arrays = [np.asarray(part, dtype=float) for part in parts]
    begin = 1 + _ENTRY * len(arrays)
    block = np.empty(begin + sum(array.size for array in arrays))
    block[0] = block.size
    for number, array in enumerate(arrays):
        shape = (*array.shape, *(1,) * (3 - array.ndim))
        block[1 + _ENTRY * number : 1 + _ENTRY * (number + 1)] = (begin, *shape)
        block[begin : begin + array.size] = array.ravel()
        begin += array.size
    return block


@inlined
def _vector(block, number):
    entry = 1 + _ENTRY * number
    begin, size = int(block[entry]), int(block[entry + 1])
    return block[begin : begin + size]


@inlined
def _matrix(block, number):
    entry = 1 + _ENTRY * number
    begin, rows, columns = int(block[entry]), int(block[entry + 1]), int(block[entry + 2])
    return block[begin : begin + rows * columns].reshape(rows, columns)


@inlined
def _number(block, number):
    return block[int(block[1 + _ENTRY * number])]


@inlined
def _open(pointer):
    size = int(numba.carray(pointer, 1, np.float64)[0])
    return numba.carray(pointer, size, np.float64)


@inlined
def _move(block, z, position):
    """Write centre + root @ z."""
    centre, root = _vector(block, 0), _matrix(block, 1)
    for i in range(centre.shape[0]):
        total = centre[i]
        for j in range(i, centre.shape[0]):
            total += root[i, j] * z[j]
        position[i] = total


@inlined
def _pull_back(block, gradient, output):
    """Write root.T @ gradient."""
    root = _matrix(block, 1)
    for i in range(gradient.shape[0]):
        output[i] = 0.0
    for i in range(gradient.shape[0]):
        for j in range(i, gradient.shape[0]):
            output[j] += root[i, j] * gradient[i]


@inlined
def _enter(size, z, pointer):
    """Return the block behind a pointer, and the position that z stands for."""
    block, position = _open(pointer), np.empty(size)
    _move(block, numba.carray(z, size), position)
    return block, position


@inlined
def _whole_numbers(block, number):
    """A vector of whole numbers, which are exact as floats."""
    return _vector(block, number).astype(np.int64)


@inlined
def _prior(block):
    """The ``MixturePrior`` that ``pack_block`` has written."""
    covariances = CovariancePrior(
        _matrix(block, 9), _number(block, 10), _number(block, 11), _vector(block, 12),
        _number(block, 13), _matrix(block, 14), _number(block, 15), _vector(block, 16),
    )  # fmt: skip
    return MixturePrior(
        _number(block, 4), _vector(block, 5), _matrix(block, 6), _matrix(block, 7),
        int(_number(block, 8)), covariances,
    )  # fmt: skip


@inlined
def _known(block):
    """Weights and plausibilities of the rows."""
    return _vector(block, 2), _matrix(block, 3)


@inlined
def _patterns(block):
    """What describes the patterns of rows with missing cells."""
    features = _matrix(block, _FEATURES).astype(np.int64)
    return (
        _vector(block, _ROWS), _whole_numbers(block, _ROWS + 1), features,
        _whole_numbers(block, _FEATURES + 1), _whole_numbers(block, _FEATURES + 2),
    )  # fmt: skip


@inlined
def _report(block, value, gradient, gradient_out, value_out):
    slopes, finite = numba.carray(gradient_out, gradient.shape[0]), math.isfinite(value)
    _pull_back(block, gradient, slopes)
    numba.carray(value_out, 1)[0] = value
    for slope in slopes:
        finite = finite and math.isfinite(slope)
    return _DONE if finite else _NOT_FINITE


def _full_density(size, z, gradient_out, value_out, pointer):
    try:
        block, position = _enter(size, z, pointer)
        X, prior, gradient = _matrix(block, _ROWS), _prior(block), np.empty(size)
        weights, plausibilities = _known(block)
        state = full_state(position, X.shape[1], prior)
        statistics = full_statistics(X, weights, plausibilities, state[5], state[1], state[6])
        value = full_log_posterior(state, statistics, prior, gradient)
        return _report(block, value, gradient, gradient_out, value_out)
    except Exception:  # nothing else can pass from here to the caller
        return _FAILED


def _diagonal_density(size, z, gradient_out, value_out, pointer):
    try:
        block, position = _enter(size, z, pointer)
        X, prior, gradient = _matrix(block, _ROWS), _prior(block), np.empty(size)
        weights, plausibilities = _known(block)
        state = diagonal_state(position, X.shape[1], prior)
        statistics = diagonal_statistics(X, weights, plausibilities, state[3], state[1], state[4])
        value = diagonal_log_posterior(state, statistics, prior, gradient)
        return _report(block, value, gradient, gradient_out, value_out)
    except Exception:  # nothing else can pass from here to the caller
        return _FAILED


def _full_density_of_patterns(size, z, gradient_out, value_out, pointer):
    try:
        block, position = _enter(size, z, pointer)
        cells, cells_starts, features, n_observed, starts = _patterns(block)
        prior, gradient = _prior(block), np.empty(size)
        weights, plausibilities = _known(block)
        state = full_state(position, features.shape[1], prior)
        statistics = full_pattern_statistics(
            cells, cells_starts, features, n_observed, starts, weights, plausibilities,
            state[5], state[1], state[6],
        )  # fmt: skip
        value = full_log_posterior(state, statistics, prior, gradient)
        return _report(block, value, gradient, gradient_out, value_out)
    except Exception:  # nothing else can pass from here to the caller
        return _FAILED


def _diagonal_density_of_patterns(size, z, gradient_out, value_out, pointer):
    try:
        block, position = _enter(size, z, pointer)
        cells, cells_starts, features, n_observed, starts = _patterns(block)
        prior, gradient = _prior(block), np.empty(size)
        weights, plausibilities = _known(block)
        state = diagonal_state(position, features.shape[1], prior)
        statistics = diagonal_pattern_statistics(
            cells, cells_starts, features, n_observed, starts, weights, plausibilities,
            state[3], state[1], state[4],
        )  # fmt: skip
        value = diagonal_log_posterior(state, statistics, prior, gradient)
        return _report(block, value, gradient, gradient_out, value_out)
    except Exception:  # nothing else can pass from here to the caller
        return _FAILED


_DENSITIES = {
    (True, False): _full_density,
    (False, False): _diagonal_density,
    (True, True): _full_density_of_patterns,
    (False, True): _diagonal_density_of_patterns,
}


def _position(size, out_size, z, position_out, pointer):
    _move(_open(pointer), numba.carray(z, size), numba.carray(position_out, out_size))
    return _DONE


@cache
def density_callback(correlated, has_gaps):
    """Return the C function (size, z, gradient, value, block) -> return code."""
    return c_function(_density_signature, _DENSITIES[correlated, has_gaps])


@cache
def position_callback():
    """Return the C function (size, size, z, position, block) -> return code."""
    return c_function(_position_signature, _position)

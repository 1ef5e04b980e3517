"""The log posterior as C functions, which samplers in other languages call without Python.

A C function takes pointers only, so all data are stored in one block of numbers: its length, then
the offset and shape of each argument, then all arguments, row by row.

Samplers move in coordinates z, with position = center + root @ z and ``root`` upper triangular. The
functions take z, and return the log density at the position and its gradient in z. With many
parameters the root is block diagonal after a permutation of the coordinates: it is stored in that
order, and row i is zero from column ends[i] on.
"""

from __future__ import annotations

import math
from collections import namedtuple
from functools import cache

import numba
import numpy as np
from numba import types

from bayesgmm.numerics.kernels.compiling import c_function, inlined
from bayesgmm.numerics.kernels.log_posterior import State, state_at, write_gradient
from bayesgmm.numerics.kernels.patterns import pattern_statistics
from bayesgmm.numerics.kernels.rows import statistics
from bayesgmm.numerics.mixture_prior import CovariancePrior, MixturePrior
from bayesgmm.numerics.patterns import Patterns

_numbers = types.CPointer(types.float64)
_density_signature = types.int64(types.uint64, _numbers, _numbers, _numbers, types.voidptr)
_position_signature = types.int64(types.uint64, types.uint64, _numbers, _numbers, types.voidptr)

# Return codes of nutpie: above zero is a divergence, below zero an error that ends sampling.
_DONE, _FAILED, _NOT_FINITE = 0, 1, 2

# The arguments in a block, in this order. Complete rows take the place of the first pattern array.
_NAMES = (
    "center", "root", "order", "ends", "weights", "label_log_likelihoods",
    *MixturePrior._fields[:-1], *CovariancePrior._fields, *Patterns._fields,
)  # fmt: skip
_Places = namedtuple("_Places", _NAMES)
_PLACES = _Places(*range(len(_NAMES)))
_ENTRY = 4  # numbers that describe one argument: its offset, and the lengths of three axes


def pack_block(affine, known, rows, prior):
    """Return all data of a density as one block of numbers.

    That is the affine map ``(center, root, order, ends)``, ``known`` (weights, label log
    likelihoods), ``rows`` (values alone, or ``Patterns``), and a ``MixturePrior``.
    """
    parts = (*affine, *known, *prior[:-1], *prior.covariances, *rows)
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
    """Write center + root @ z."""
    center, root = _vector(block, _PLACES.center), _matrix(block, _PLACES.root)
    order, ends = _vector(block, _PLACES.order), _vector(block, _PLACES.ends)
    ordered = np.empty(center.shape[0])
    for i in range(center.shape[0]):
        ordered[i] = z[int(order[i])]
    for i in range(center.shape[0]):
        place = int(order[i])
        total = center[place]
        for j in range(i, int(ends[i])):
            total += root[i, j] * ordered[j]
        position[place] = total


@inlined
def _pull_back(block, gradient, output):
    """Write root.T @ gradient."""
    root = _matrix(block, _PLACES.root)
    order, ends = _vector(block, _PLACES.order), _vector(block, _PLACES.ends)
    ordered = np.zeros(gradient.shape[0])
    for i in range(gradient.shape[0]):
        here = gradient[int(order[i])]
        for j in range(i, int(ends[i])):
            ordered[j] += root[i, j] * here
    for i in range(gradient.shape[0]):
        output[int(order[i])] = ordered[i]


@inlined
def _enter(size, z, pointer):
    """Return the block at a pointer, and the position of z."""
    block, position = _open(pointer), np.empty(size)
    _move(block, numba.carray(z, size), position)
    return block, position


@inlined
def _whole_numbers(block, number):
    """Return a vector of integers, which are stored exactly as floats."""
    return _vector(block, number).astype(np.int64)


@inlined
def _prior(block):
    """Return the ``MixturePrior`` in a block."""
    covariances = CovariancePrior(
        _matrix(block, _PLACES.terms), _number(block, _PLACES.eta),
        _number(block, _PLACES.beta), _vector(block, _PLACES.rate),
        _number(block, _PLACES.count), _matrix(block, _PLACES.scatter),
        _number(block, _PLACES.freedom), _vector(block, _PLACES.floor),
        _number(block, _PLACES.n_factors), _number(block, _PLACES.signal_shape),
        _number(block, _PLACES.signal_rate),
    )  # fmt: skip
    return MixturePrior(
        _number(block, _PLACES.constant), _vector(block, _PLACES.concentration),
        _matrix(block, _PLACES.loc), _matrix(block, _PLACES.precision),
        int(_number(block, _PLACES.n_matrices)), covariances,
    )  # fmt: skip


@inlined
def _patterns(block):
    """Return the ``Patterns`` in a block."""
    return Patterns(
        _whole_numbers(block, _PLACES.rows), _vector(block, _PLACES.cells),
        _whole_numbers(block, _PLACES.cells_starts), _whole_numbers(block, _PLACES.starts),
        _matrix(block, _PLACES.features).astype(np.int64),
        _whole_numbers(block, _PLACES.n_observed),
    )  # fmt: skip


@inlined
def _report(block, value, gradient, gradient_out, value_out):
    slopes, finite = numba.carray(gradient_out, gradient.shape[0]), math.isfinite(value)
    _pull_back(block, gradient, slopes)
    numba.carray(value_out, 1)[0] = value
    for slope in slopes:
        finite = finite and math.isfinite(slope)
    return _DONE if finite else _NOT_FINITE


def _density(correlated, has_gaps):
    """Return the log density of one kind of structure and rows, without other branches."""

    def density(size, z, gradient_out, value_out, pointer):
        try:
            block, position = _enter(size, z, pointer)
            prior, gradient = _prior(block), np.empty(size)
            weights = _vector(block, _PLACES.weights)
            label_log_likelihoods = _matrix(block, _PLACES.label_log_likelihoods)
            k, d = prior.loc.shape
            if correlated:
                state = State(*state_at(position, prior, np.empty((k, d, d))))
            else:
                state = State(*state_at(position, prior, np.empty((k, d))))
            if has_gaps:
                found = pattern_statistics(
                    _patterns(block), weights, label_log_likelihoods,
                    state.constants, state.means, state.factors,
                )  # fmt: skip
            else:
                found = statistics(
                    _matrix(block, _PLACES.rows), weights, label_log_likelihoods,
                    state.constants, state.means, state.factors,
                )  # fmt: skip
            value = write_gradient(state, found, prior, gradient)
            return _report(block, value, gradient, gradient_out, value_out)
        except Exception:  # exceptions cannot reach the caller, only return codes
            return _FAILED

    return density


def _position(size, out_size, z, position_out, pointer):
    _move(_open(pointer), numba.carray(z, size), numba.carray(position_out, out_size))
    return _DONE


@cache
def density_callback(correlated, has_gaps):
    """Return the C function (size, z, gradient, value, block) -> return code."""
    return c_function(_density_signature, _density(correlated, has_gaps))


@cache
def position_callback():
    """Return the C function (size, size, z, position, block) -> return code."""
    return c_function(_position_signature, _position)

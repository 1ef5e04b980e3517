"""Loops over the rows of a tile, written instruction by instruction.

A product of matrices is as fast as the processor can be if a block of sums stays in registers while
a loop goes over what is summed. The compiler makes vectors of the innermost loop only, and keeps no
such block; so these loops are written in the language of LLVM, and numba puts them into kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

LONGEST = 8
"""The largest number of entries in a vector."""

_FLOAT, _BYTE, _LANE = ir.DoubleType(), ir.IntType(8), ir.IntType(32)
_FUSED = ("contract",)  # a product and a sum may be one instruction


class Writer:
    """Writes the instructions of one function.

    A vector is one register with AVX-512 (eight entries) or AVX (four), and two with NEON.

    Attributes
    ----------
    length : int
        The number of entries of a vector.
    arguments : list
        Those of the function: arrays as ``Array``, and integers.
    """

    def __init__(self, context: Any, builder: Any, kinds: Sequence, values: Sequence) -> None:
        self.builder = builder
        self.length = LONGEST if "+avx512f" in context.codegen().magic_tuple()[2] else 4
        self._vector, self._integer = (
            ir.VectorType(_FLOAT, self.length),
            context.get_value_type(types.intp),
        )
        self.arguments = [
            Array(builder, context.make_array(kind)(context, builder, value))
            if isinstance(kind, types.Array)
            else value
            for kind, value in zip(kinds, values, strict=True)
        ]

    def integer(self, number: int) -> ir.Constant:
        """Return a known integer."""
        return ir.Constant(self._integer, number)

    def following(self, index: ir.Value, count: int) -> list[ir.Value]:
        """Return an index and those after it, ``count`` in all."""
        return [self.builder.add(index, self.integer(step)) for step in range(count)]

    @contextmanager
    def loop(self, stop: ir.Value, step: int = 1) -> Iterator[ir.Value]:
        """Repeat what is written within for every index below ``stop``, or every few."""
        bounds = self.integer(0), stop, self.integer(step)
        with cgutils.for_range_slice(self.builder, *bounds, self._integer) as (index, _):
            yield index

    def blocks(self, stop: ir.Value, size: int) -> Iterator[tuple[ir.Value, int]]:
        """Write what follows for all blocks of indices below ``stop``, a shorter last one included.

        Yields the first index of a block and the number of indices in it, once for every number.
        """
        builder = self.builder
        rest = builder.srem(stop, self.integer(size))
        end = builder.sub(stop, rest)
        with self.loop(end, size) as index:
            yield index, size
        for count in range(1, size):
            with builder.if_then(builder.icmp_signed("==", rest, self.integer(count))):
                yield end, count

    def constant(self, number: float) -> ir.Constant:
        """Return a vector of a known number."""
        return ir.Constant(self._vector, [number] * self.length)

    def repeat(self, place: ir.Value) -> ir.Value:
        """Load a number, and return a vector of it."""
        number, nothing = self.builder.load(place), ir.Constant(self._vector, ir.Undefined)
        alone = self.builder.insert_element(nothing, number, ir.Constant(_LANE, 0))
        return self._pick(alone, alone, [0] * self.length)

    def load(self, place: ir.Value, number: int = 0) -> ir.Value:
        """Load the vector that begins at a place, or a later one."""
        return self.builder.load(self._vector_at(place, number), align=8)

    def store(self, vector: ir.Value, place: ir.Value, number: int = 0) -> None:
        """Store a vector there."""
        self.builder.store(vector, self._vector_at(place, number), align=8)

    def _vector_at(self, place: ir.Value, number: int) -> ir.Value:
        place = self.builder.gep(place, [self.integer(number * self.length)])
        return self.builder.bitcast(place, self._vector.as_pointer())

    def difference(self, one: ir.Value, other: ir.Value) -> ir.Value:
        """Return one - other."""
        return self.builder.fsub(one, other)

    def product(self, one: ir.Value, other: ir.Value) -> ir.Value:
        """Return one * other."""
        return self.builder.fmul(one, other, flags=_FUSED)

    def total(self, start: ir.Value | None = None) -> Total:
        """Return a sum, which is zero or ``start`` at first."""
        return Total(self, self.constant(0.0) if start is None else start)

    def add_entries(self, totals: Sequence[Total], places: Sequence[ir.Value]) -> None:
        """Add the entries of every total to the number at its place."""
        builder = self.builder
        for first in range(0, len(totals), 4):
            four = [total.value for total in totals[first : first + 4]]
            sums = self._sums_of_four(four + four[-1:] * (4 - len(four)))
            for lane, place in enumerate(places[first : first + 4]):
                entry = builder.extract_element(sums, ir.Constant(_LANE, lane))
                builder.store(builder.fadd(builder.load(place), entry), place)

    def _sums_of_four(self, vectors: Sequence[ir.Value]) -> ir.Value:
        """Return a vector of the sums of the entries of four vectors, by fewest instructions."""
        length, every = self.length, range(0, self.length, 4)
        even = [lane for first in range(0, length, 2) for lane in (first, length + first)]
        pairs = [self._added(*two, even, 1) for two in (vectors[:2], vectors[2:])]
        halves = [lane + side for lane in every for side in (0, 1, length, length + 1)]
        sums = self._added(*pairs, halves, 2)
        return sums if length == 4 else self._added(sums, sums, range(4), 4)

    def _added(self, one: ir.Value, other: ir.Value, lanes: Iterable[int], away: int) -> ir.Value:
        """Add some entries of two vectors, and those that are a number of lanes away from them."""
        lanes = list(lanes)
        apart = [lane + away for lane in lanes]
        return self.builder.fadd(self._pick(one, other, lanes), self._pick(one, other, apart))

    def _pick(self, one: ir.Value, other: ir.Value, lanes: Sequence[int]) -> ir.Value:
        """Return a vector of entries of two vectors, the second numbered after the first."""
        mask = ir.Constant(ir.VectorType(_LANE, len(lanes)), lanes)
        return self.builder.shuffle_vector(one, other, mask)


class Total:
    """A sum of vectors that is kept in a register."""

    def __init__(self, write: Writer, start: ir.Value) -> None:
        self._write, self._register = write, cgutils.alloca_once(write.builder, start.type)
        write.builder.store(start, self._register)

    @property
    def value(self) -> ir.Value:
        """The sum so far."""
        return self._write.builder.load(self._register)

    def add(self, one: ir.Value, other: ir.Value) -> None:
        """Add the product of two vectors."""
        builder = self._write.builder
        total = builder.fadd(self.value, self._write.product(one, other), flags=_FUSED)
        builder.store(total, self._register)


class Array:
    """An array of float64 whose last axis is contiguous."""

    def __init__(self, builder: Any, fields: Any) -> None:
        self._builder, self._strides = builder, cgutils.unpack_tuple(builder, fields.strides)
        self.shape = cgutils.unpack_tuple(builder, fields.shape)
        self._data = builder.bitcast(fields.data, _BYTE.as_pointer())

    def at(self, *indices: ir.Value) -> ir.Value:
        """Return the place of an entry."""
        place = self._data
        for index, stride in zip(indices, self._strides, strict=True):
            place = self._builder.gep(place, [self._builder.mul(index, stride)])
        return self._builder.bitcast(place, _FLOAT.as_pointer())

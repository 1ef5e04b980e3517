"""Products of triangular matrices with a tile, which are most of the work with many features.

They are computed in blocks whose sums stay in registers (``vectors.py``), and nothing is computed
of the other triangle. A last block has fewer features. Sixteen registers are enough for a block:
that is what processors with AVX have.

Axes: tiles are (feature, row), tables (component, row), as in ``tiles.py``. All rows are processed
in multiples of ``ROWS``.
"""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic

from bayesgmm.numerics.kernels.vectors import LONGEST, Writer

_WHITENED, _VECTORS = 6, 2  # whitened values in a block, and vectors of rows
_SQUARE = 3  # features in each of the two directions of a block of the scatter
ROWS = _VECTORS * LONGEST


@intrinsic
def subtract_half_squares(_, tile, rows, component, means, factors, centered, table):
    """Subtract |factor @ (x - mean)|^2 / 2 from the log densities of a component in the table.

    The factor is that of the component in ``factors`` (k, d, d), lower triangular. Rows less the
    mean are written into ``centered``.
    """

    def generate(context, builder, signature, arguments):
        write = Writer(context, builder, signature.args, arguments)
        tile, rows, component, means, factors, centered, table = write.arguments
        for i, count in write.blocks(tile.shape[0], _WHITENED):
            features = write.following(i, count)
            with write.loop(rows, _VECTORS * write.length) as row:
                whitened = [[write.total() for _ in range(_VECTORS)] for _ in features]

                def add(j, values, features=features, whitened=whitened):
                    for feature, totals in zip(features, whitened, strict=True):
                        factor = write.repeat(factors.at(component, feature, j))
                        for total, value in zip(totals, values, strict=True):
                            total.add(factor, value)

                with write.loop(i) as j:
                    place = centered.at(j, row)
                    add(j, [write.load(place, number) for number in range(_VECTORS)])
                for line, j in enumerate(features):
                    mean, place = write.repeat(means.at(component, j)), tile.at(j, row)
                    values = [
                        write.difference(write.load(place, number), mean)
                        for number in range(_VECTORS)
                    ]
                    for number, value in enumerate(values):
                        write.store(value, centered.at(j, row), number)
                    add(j, values, features[line:], whitened[line:])
                for number in range(_VECTORS):
                    square, place = write.total(), table.at(component, row)
                    for totals in whitened:
                        square.add(totals[number].value, totals[number].value)
                    value = write.total(write.load(place, number))
                    value.add(write.constant(-0.5), square.value)
                    write.store(value.value, place, number)
        return context.get_dummy_value()

    integer = types.intp
    signature = types.void(tile, integer, integer, means, factors, centered, table)
    return signature, generate


@intrinsic
def add_products(_, tile, rows, component, means, roots, weighted, sums, scatter):
    """Add the sums and the scatter of a component about its mean.

    Rows have as weights the squares of ``roots`` (k, rows). Their products with the roots are
    written into ``weighted``. Of the scatter, the lower triangle is added.
    """

    def generate(context, builder, signature, arguments):
        write = Writer(context, builder, signature.args, arguments)
        tile, rows, component, means, roots, weighted, sums, scatter = write.arguments

        def add_to_scatter(totals):
            places = [scatter.at(component, *pair) for pair in totals]
            write.add_entries(list(totals.values()), places)

        for i, count in write.blocks(tile.shape[0], _SQUARE):
            features = write.following(i, count)
            known = [write.repeat(means.at(component, feature)) for feature in features]
            totals = [write.total() for _ in features]
            corner = {
                (one, other): write.total()
                for line, one in enumerate(features)
                for other in features[: line + 1]
            }
            with write.loop(rows, write.length) as row:
                root, values = write.load(roots.at(component, row)), {}
                for feature, mean, total in zip(features, known, totals, strict=True):
                    distance = write.difference(write.load(tile.at(feature, row)), mean)
                    values[feature] = write.product(distance, root)
                    write.store(values[feature], weighted.at(feature, row))
                    total.add(values[feature], root)
                for (one, other), total in corner.items():
                    total.add(values[one], values[other])
            write.add_entries(totals, [sums.at(component, feature) for feature in features])
            add_to_scatter(corner)
            with write.loop(i, _SQUARE) as j:
                others = write.following(j, _SQUARE)
                block = {(one, other): write.total() for one in features for other in others}
                with write.loop(rows, write.length) as row:
                    values = {
                        feature: write.load(weighted.at(feature, row))
                        for feature in [*features, *others]
                    }
                    for (one, other), total in block.items():
                        total.add(values[one], values[other])
                add_to_scatter(block)
        return context.get_dummy_value()

    integer = types.intp
    signature = types.void(tile, integer, integer, means, roots, weighted, sums, scatter)
    return signature, generate

"""Products of small triangular matrices with a tile, in blocks of four by four features.

With one feature at a time, every multiplication would wait for memory. With four rows of a factor
and four features, there are sixteen multiplications for every four numbers loaded, and all stay in
registers. If d is not a multiple of four, the last one, two or three features are a block.

Loops over a block index the lines of an array, so that the compiler knows that they do not overlap.
Loops with little work index the whole array, because taking a line costs a call.

Axes: tiles are (feature, row), tables (component, row), as in ``tiles.py``.
"""

from __future__ import annotations

from bayesgmm.numerics.kernels.compiling import inlined

BLOCK = 4


@inlined
def subtract_half_squares(factors, component, centered, rows, work, table):
    """Subtract |factor @ centered|^2 / 2 from the log densities of a component in the table.

    The factor is that of the component in ``factors`` (k, d, d), lower triangular.
    """
    n_features = centered.shape[0]
    blocked = n_features - n_features % BLOCK
    for i in range(0, blocked, BLOCK):
        _whiten(factors, component, centered, i, BLOCK, rows, work)
        _subtract_four(factors, component, centered, i, rows, work, table)
    if blocked < n_features:
        _whiten(factors, component, centered, blocked, n_features - blocked, rows, work)
        _subtract_rest(factors, component, centered, blocked, rows, work, table)


@inlined
def _whiten(factors, component, centered, i, count, rows, work):
    """Write the contribution of features before i to whitened values i to i + count - 1."""
    for line in range(count):
        for row in range(rows):
            work[line, row] = 0.0
    for j in range(0, i, BLOCK):
        if count == BLOCK:
            _add_four_by_four(factors, component, centered, i, j, rows, work)
        else:
            for line in range(count):
                f0, f1 = factors[component, i + line, j], factors[component, i + line, j + 1]
                f2, f3 = factors[component, i + line, j + 2], factors[component, i + line, j + 3]
                for row in range(rows):
                    work[line, row] += (
                        f0 * centered[j, row] + f1 * centered[j + 1, row]
                        + f2 * centered[j + 2, row] + f3 * centered[j + 3, row]
                    )  # fmt: skip


@inlined
def _add_four_by_four(factors, component, centered, i, j, rows, work):
    k = component
    f00, f01, f02, f03 = (
        factors[k, i, j], factors[k, i, j + 1], factors[k, i, j + 2], factors[k, i, j + 3],
    )  # fmt: skip
    i += 1
    f10, f11, f12, f13 = (
        factors[k, i, j], factors[k, i, j + 1], factors[k, i, j + 2], factors[k, i, j + 3],
    )  # fmt: skip
    i += 1
    f20, f21, f22, f23 = (
        factors[k, i, j], factors[k, i, j + 1], factors[k, i, j + 2], factors[k, i, j + 3],
    )  # fmt: skip
    i += 1
    f30, f31, f32, f33 = (
        factors[k, i, j], factors[k, i, j + 1], factors[k, i, j + 2], factors[k, i, j + 3],
    )  # fmt: skip
    w0, w1, w2, w3 = work[0], work[1], work[2], work[3]
    c0, c1, c2, c3 = centered[j], centered[j + 1], centered[j + 2], centered[j + 3]
    for row in range(rows):
        x0, x1, x2, x3 = c0[row], c1[row], c2[row], c3[row]
        w0[row] += f00 * x0 + f01 * x1 + f02 * x2 + f03 * x3
        w1[row] += f10 * x0 + f11 * x1 + f12 * x2 + f13 * x3
        w2[row] += f20 * x0 + f21 * x1 + f22 * x2 + f23 * x3
        w3[row] += f30 * x0 + f31 * x1 + f32 * x2 + f33 * x3


@inlined
def _subtract_four(factors, component, centered, i, rows, work, table):
    """Add the diagonal block to four whitened values, and subtract half their squares."""
    k, i1, i2, i3 = component, i + 1, i + 2, i + 3
    f00 = factors[k, i, i]
    f10, f11 = factors[k, i1, i], factors[k, i1, i1]
    f20, f21, f22 = factors[k, i2, i], factors[k, i2, i1], factors[k, i2, i2]
    f30, f31, f32 = factors[k, i3, i], factors[k, i3, i1], factors[k, i3, i2]
    f33 = factors[k, i3, i3]
    w0, w1, w2, w3, values = work[0], work[1], work[2], work[3], table[k]
    c0, c1, c2, c3 = centered[i], centered[i1], centered[i2], centered[i3]
    for row in range(rows):
        x0, x1, x2, x3 = c0[row], c1[row], c2[row], c3[row]
        z0 = w0[row] + f00 * x0
        z1 = w1[row] + f10 * x0 + f11 * x1
        z2 = w2[row] + f20 * x0 + f21 * x1 + f22 * x2
        z3 = w3[row] + f30 * x0 + f31 * x1 + f32 * x2 + f33 * x3
        values[row] -= 0.5 * (z0 * z0 + z1 * z1 + z2 * z2 + z3 * z3)


@inlined
def _subtract_rest(factors, component, centered, i, rows, work, table):
    """Do the same for the last one, two or three features, from i on."""
    k, n_left = component, centered.shape[0] - i
    f00 = factors[k, i, i]
    if n_left == 1:
        for row in range(rows):
            z0 = work[0, row] + f00 * centered[i, row]
            table[k, row] -= 0.5 * z0 * z0
        return
    f10, f11 = factors[k, i + 1, i], factors[k, i + 1, i + 1]
    if n_left == 2:
        for row in range(rows):
            x0, x1 = centered[i, row], centered[i + 1, row]
            z0 = work[0, row] + f00 * x0
            z1 = work[1, row] + f10 * x0 + f11 * x1
            table[k, row] -= 0.5 * (z0 * z0 + z1 * z1)
        return
    f20, f21, f22 = factors[k, i + 2, i], factors[k, i + 2, i + 1], factors[k, i + 2, i + 2]
    for row in range(rows):
        x0, x1, x2 = centered[i, row], centered[i + 1, row], centered[i + 2, row]
        z0 = work[0, row] + f00 * x0
        z1 = work[1, row] + f10 * x0 + f11 * x1
        z2 = work[2, row] + f20 * x0 + f21 * x1 + f22 * x2
        table[k, row] -= 0.5 * (z0 * z0 + z1 * z1 + z2 * z2)


@inlined
def add_products(weighted, centered, rows, component, scatter):
    """Add the lower triangle of weighted @ centered.T to the scatter (k, d, d) of a component.

    Entries above the diagonal are undefined.
    """
    n_features = centered.shape[0]
    blocked = n_features - n_features % BLOCK
    for i in range(0, blocked, BLOCK):
        for j in range(0, i + 1, BLOCK):
            _add_sixteen(weighted, centered, i, j, rows, component, scatter)
    for i in range(blocked, n_features):
        for j in range(0, blocked, BLOCK):
            _add_four(weighted, centered, i, j, rows, component, scatter)
    if blocked < n_features:
        _add_rest(weighted, centered, blocked, rows, component, scatter)


@inlined
def _add_sixteen(weighted, centered, i, j, rows, component, scatter):
    s00, s01, s02, s03 = 0.0, 0.0, 0.0, 0.0
    s10, s11, s12, s13 = 0.0, 0.0, 0.0, 0.0
    s20, s21, s22, s23 = 0.0, 0.0, 0.0, 0.0
    s30, s31, s32, s33 = 0.0, 0.0, 0.0, 0.0
    w0, w1, w2, w3 = weighted[i], weighted[i + 1], weighted[i + 2], weighted[i + 3]
    c0, c1, c2, c3 = centered[j], centered[j + 1], centered[j + 2], centered[j + 3]
    for row in range(rows):
        x0, x1, x2, x3 = c0[row], c1[row], c2[row], c3[row]
        y0, y1, y2, y3 = w0[row], w1[row], w2[row], w3[row]
        s00, s01, s02, s03 = s00 + y0 * x0, s01 + y0 * x1, s02 + y0 * x2, s03 + y0 * x3
        s10, s11, s12, s13 = s10 + y1 * x0, s11 + y1 * x1, s12 + y1 * x2, s13 + y1 * x3
        s20, s21, s22, s23 = s20 + y2 * x0, s21 + y2 * x1, s22 + y2 * x2, s23 + y2 * x3
        s30, s31, s32, s33 = s30 + y3 * x0, s31 + y3 * x1, s32 + y3 * x2, s33 + y3 * x3
    _add_line(scatter, component, i, j, s00, s01, s02, s03)
    _add_line(scatter, component, i + 1, j, s10, s11, s12, s13)
    _add_line(scatter, component, i + 2, j, s20, s21, s22, s23)
    _add_line(scatter, component, i + 3, j, s30, s31, s32, s33)


@inlined
def _add_four(weighted, centered, i, j, rows, component, scatter):
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for row in range(rows):
        y = weighted[i, row]
        s0 += y * centered[j, row]
        s1 += y * centered[j + 1, row]
        s2 += y * centered[j + 2, row]
        s3 += y * centered[j + 3, row]
    _add_line(scatter, component, i, j, s0, s1, s2, s3)


@inlined
def _add_line(scatter, component, i, j, first, second, third, fourth):
    scatter[component, i, j] += first
    scatter[component, i, j + 1] += second
    scatter[component, i, j + 2] += third
    scatter[component, i, j + 3] += fourth


@inlined
def _add_rest(weighted, centered, i, rows, component, scatter):
    """Add the products among the last one, two or three features, from i on."""
    n_left = centered.shape[0] - i
    s00, s10, s11 = 0.0, 0.0, 0.0
    if n_left == 1:
        for row in range(rows):
            s00 += weighted[i, row] * centered[i, row]
        scatter[component, i, i] += s00
        return
    for row in range(rows):
        x0, x1, y1 = centered[i, row], centered[i + 1, row], weighted[i + 1, row]
        s00 += weighted[i, row] * x0
        s10 += y1 * x0
        s11 += y1 * x1
    scatter[component, i, i] += s00
    scatter[component, i + 1, i] += s10
    scatter[component, i + 1, i + 1] += s11
    if n_left == 3:
        s20, s21, s22 = 0.0, 0.0, 0.0
        for row in range(rows):
            y2 = weighted[i + 2, row]
            s20 += y2 * centered[i, row]
            s21 += y2 * centered[i + 1, row]
            s22 += y2 * centered[i + 2, row]
        scatter[component, i + 2, i] += s20
        scatter[component, i + 2, i + 1] += s21
        scatter[component, i + 2, i + 2] += s22

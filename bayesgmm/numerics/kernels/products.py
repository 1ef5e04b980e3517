"""Products of a small triangle with a tile, four features by four, so that registers do the work.

One feature at a time, every multiplication would wait for memory. Four rows of a factor and four
features together make sixteen multiplications of every four numbers that are loaded. Features
left over where d is no multiple of four are taken one at a time.

Axes: tiles are (feature, row), as in ``tiles.py``.
"""

from __future__ import annotations

from bayesgmm.numerics.kernels.compiling import compiled

BLOCK = 4


@compiled
def subtract_half_squares(factor, centred, rows, work, values):
    """Subtract |factor @ centred|^2 / 2 from the values (rows,); the factor is lower triangular."""
    n_features = centred.shape[0]
    blocked = n_features - n_features % BLOCK
    for i in range(0, blocked, BLOCK):
        _subtract_four(factor, centred, i, rows, work, values)
    for i in range(blocked, n_features):
        _subtract_one(factor, centred, i, rows, work[0], values)


@compiled
def _subtract_four(factor, centred, i, rows, work, values):
    w0, w1, w2, w3 = work[0], work[1], work[2], work[3]
    for row in range(rows):
        w0[row], w1[row], w2[row], w3[row] = 0.0, 0.0, 0.0, 0.0
    for j in range(0, i, BLOCK):
        f00, f01, f02, f03 = factor[i, j], factor[i, j + 1], factor[i, j + 2], factor[i, j + 3]
        k = i + 1
        f10, f11, f12, f13 = factor[k, j], factor[k, j + 1], factor[k, j + 2], factor[k, j + 3]
        k = i + 2
        f20, f21, f22, f23 = factor[k, j], factor[k, j + 1], factor[k, j + 2], factor[k, j + 3]
        k = i + 3
        f30, f31, f32, f33 = factor[k, j], factor[k, j + 1], factor[k, j + 2], factor[k, j + 3]
        c0, c1, c2, c3 = centred[j], centred[j + 1], centred[j + 2], centred[j + 3]
        for row in range(rows):
            x0, x1, x2, x3 = c0[row], c1[row], c2[row], c3[row]
            w0[row] += f00 * x0 + f01 * x1 + f02 * x2 + f03 * x3
            w1[row] += f10 * x0 + f11 * x1 + f12 * x2 + f13 * x3
            w2[row] += f20 * x0 + f21 * x1 + f22 * x2 + f23 * x3
            w3[row] += f30 * x0 + f31 * x1 + f32 * x2 + f33 * x3
    # The block on the diagonal is a triangle.
    f00 = factor[i, i]
    f10, f11 = factor[i + 1, i], factor[i + 1, i + 1]
    f20, f21, f22 = factor[i + 2, i], factor[i + 2, i + 1], factor[i + 2, i + 2]
    f30, f31, f32 = factor[i + 3, i], factor[i + 3, i + 1], factor[i + 3, i + 2]
    f33 = factor[i + 3, i + 3]
    c0, c1, c2, c3 = centred[i], centred[i + 1], centred[i + 2], centred[i + 3]
    for row in range(rows):
        x0, x1, x2, x3 = c0[row], c1[row], c2[row], c3[row]
        z0 = w0[row] + f00 * x0
        z1 = w1[row] + f10 * x0 + f11 * x1
        z2 = w2[row] + f20 * x0 + f21 * x1 + f22 * x2
        z3 = w3[row] + f30 * x0 + f31 * x1 + f32 * x2 + f33 * x3
        values[row] -= 0.5 * (z0 * z0 + z1 * z1 + z2 * z2 + z3 * z3)


@compiled
def _subtract_one(factor, centred, i, rows, whitened, values):
    entry, feature = factor[i, i], centred[i]
    for row in range(rows):
        whitened[row] = entry * feature[row]
    for j in range(i):
        entry, feature = factor[i, j], centred[j]
        for row in range(rows):
            whitened[row] += entry * feature[row]
    for row in range(rows):
        values[row] -= 0.5 * whitened[row] * whitened[row]


@compiled
def add_products(weighted, centred, rows, scatter):
    """Add the lower triangle of weighted @ centred.T; above the diagonal it may hold anything."""
    n_features = centred.shape[0]
    blocked = n_features - n_features % BLOCK
    for i in range(0, blocked, BLOCK):
        for j in range(0, i + 1, BLOCK):
            _add_sixteen(weighted, centred, i, j, rows, scatter)
    for i in range(blocked, n_features):
        for j in range(i + 1):
            scatter[i, j] += inner_product(weighted[i], centred[j], rows)


@compiled
def _add_sixteen(weighted, centred, i, j, rows, scatter):
    w0, w1, w2, w3 = weighted[i], weighted[i + 1], weighted[i + 2], weighted[i + 3]
    c0, c1, c2, c3 = centred[j], centred[j + 1], centred[j + 2], centred[j + 3]
    s00, s01, s02, s03 = 0.0, 0.0, 0.0, 0.0
    s10, s11, s12, s13 = 0.0, 0.0, 0.0, 0.0
    s20, s21, s22, s23 = 0.0, 0.0, 0.0, 0.0
    s30, s31, s32, s33 = 0.0, 0.0, 0.0, 0.0
    for row in range(rows):
        x0, x1, x2, x3 = c0[row], c1[row], c2[row], c3[row]
        y0, y1, y2, y3 = w0[row], w1[row], w2[row], w3[row]
        s00, s01, s02, s03 = s00 + y0 * x0, s01 + y0 * x1, s02 + y0 * x2, s03 + y0 * x3
        s10, s11, s12, s13 = s10 + y1 * x0, s11 + y1 * x1, s12 + y1 * x2, s13 + y1 * x3
        s20, s21, s22, s23 = s20 + y2 * x0, s21 + y2 * x1, s22 + y2 * x2, s23 + y2 * x3
        s30, s31, s32, s33 = s30 + y3 * x0, s31 + y3 * x1, s32 + y3 * x2, s33 + y3 * x3
    _add_to_four(scatter[i], j, s00, s01, s02, s03)
    _add_to_four(scatter[i + 1], j, s10, s11, s12, s13)
    _add_to_four(scatter[i + 2], j, s20, s21, s22, s23)
    _add_to_four(scatter[i + 3], j, s30, s31, s32, s33)


@compiled
def _add_to_four(line, j, first, second, third, fourth):
    line[j] += first
    line[j + 1] += second
    line[j + 2] += third
    line[j + 3] += fourth


@compiled
def inner_product(left, right, rows):
    """Sum of left times right."""
    total = 0.0
    for row in range(rows):
        total += left[row] * right[row]
    return total

"""Where the texts of a figure are."""

from __future__ import annotations

from itertools import combinations

TOUCH = 1.5  # pixels that letters may share


def texts_of(figure):
    """Every text of a figure that can be seen, with the box it takes in pixels."""
    figure.draw_without_rendering()
    texts = list(figure.texts)
    for legend in figure.legends:
        texts += legend.get_texts()
    for axes in figure.axes:
        texts += [axes.title, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_visible():
                texts += [axis.label, *_tick_labels(axis)]
    seen = [text for text in texts if text.get_visible() and text.get_text().strip()]
    return [(text, text.get_window_extent()) for text in seen]


def expect_room(figure):
    """Draw once; no texts may lie on each other or reach beyond the edge of the figure."""
    texts = texts_of(figure)
    touching = [
        (one.get_text(), other.get_text())
        for (one, box), (other, second) in combinations(texts, 2)
        if box.padded(-TOUCH).overlaps(second)
    ]
    assert touching == []
    assert _beyond_the_edge(figure, texts) == []


def cut_off(figure):
    """Texts that reach beyond the edge of the figure."""
    return _beyond_the_edge(figure, texts_of(figure))


def _beyond_the_edge(figure, texts):
    edge = figure.bbox.padded(TOUCH)
    return [
        text.get_text()
        for text, box in texts
        if box.x0 < edge.x0 or box.y0 < edge.y0 or box.x1 > edge.x1 or box.y1 > edge.y1
    ]


def _tick_labels(axis):
    low, high = sorted(axis.get_view_interval())
    margin = 1e-9 * (high - low)
    return [
        tick.label1
        for tick in axis.get_major_ticks()
        if low - margin <= tick.get_loc() <= high + margin and tick.label1.get_visible()
    ]

"""The kind of figure that every plot here returns."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class Drawing(Figure):
    """A Matplotlib figure that notebooks show exactly once, where a cell returns it.

    It is known to no pyplot state, so that it neither pops up a second time nor stays in memory.
    Keep it with ``drawing.savefig("picture.png")``.
    """

    def _repr_png_(self) -> bytes:
        """What IPython asks an object for that wants to be seen."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()

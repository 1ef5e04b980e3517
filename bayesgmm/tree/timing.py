"""Start time and duration of a fit, and its input file: stored next to the tree, not in it.

The same seed gives the same tree, but run times differ. So the time is stored in the
``encoding`` of the root, which xarray keeps through selections and copies and ignores when it
compares. Files have attributes only, so there it is an attribute.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import xarray as xr

from bayesgmm.schema import TIMING


@dataclass(frozen=True)
class Timing:
    """The circumstances of a fit.

    Attributes
    ----------
    began : str
        Date and time with time zone, as ISO 8601 writes them.
    seconds : float
        How long it took.
    table : str or None
        The name of the file that the rows were read from, where the command line read it.
    """

    began: str
    seconds: float
    table: str | None = None

    @property
    def date(self) -> datetime:
        """When it began, as Python's kind of time."""
        return datetime.fromisoformat(self.began)


@dataclass(frozen=True)
class Stopwatch:
    """Runs from the moment that it is made."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.perf_counter)

    def read(self) -> Timing:
        """Return when it was started, and how long ago that is."""
        seconds = round(time.perf_counter() - self.clock, 2)
        return Timing(self.began.isoformat(timespec="seconds"), seconds)


def with_timing(tree: xr.DataTree, timing: Timing) -> xr.DataTree:
    """Return the tree, knowing when it was made.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.tree.timing import Timing, read_timing, with_timing
    >>> timed = with_timing(bg.example_fit(), Timing("2026-11-21T18:30:00+00:00", 2.5))
    >>> read_timing(timed).seconds
    2.5
    >>> timed.identical(bg.example_fit())
    True
    """
    result = tree.copy()
    result.encoding[TIMING] = json.dumps(asdict(timing))
    return result


def read_timing(tree: xr.DataTree) -> Timing | None:
    """Return when the tree was made, if it knows."""
    text = tree.encoding.get(TIMING)
    return None if text is None else Timing(**json.loads(text))


def for_file(tree: xr.DataTree) -> xr.DataTree:
    """Return the tree with its time as an attribute, as a file keeps it."""
    if TIMING not in tree.encoding:
        return tree
    result = tree.copy()
    result.attrs[TIMING] = tree.encoding[TIMING]
    return result


def from_file(tree: xr.DataTree) -> xr.DataTree:
    """Undo what ``for_file`` did."""
    if TIMING not in tree.attrs:
        return tree
    result = tree.copy()
    result.encoding[TIMING] = result.attrs.pop(TIMING)
    return result

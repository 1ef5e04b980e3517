"""Checkpoints of a calibration: finished replications, in memory and on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from bayesgmm.analysis.calibration.replicate import Replication
from bayesgmm.analysis.calibration.value import QUANTITY, REPLICATION
from bayesgmm.errors import BayesGMMError, DataError, SpecificationError
from bayesgmm.files import expect_folder_of
from bayesgmm.tree.storage import atomic_write, read_table

_VARIABLES = ("ranks", "pit", "ess")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Finished replications by number, and the messages of those that failed.

    Attributes
    ----------
    settings : dict
        Names to texts: settings that must be the same to resume a calibration.
    path : Path or None
        Where it is stored; ``None`` for nowhere.
    done : dict of int to Replication
    failures : dict of int to str
    """

    settings: dict[str, str]
    path: Path | None
    done: dict[int, Replication] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path | None, settings: dict[str, str]) -> Checkpoint:
        """Read the checkpoint of an earlier call, or create an empty one if there is none.

        Raises
        ------
        SpecificationError
            If it was written by a call with other settings.
        DataError
            If there is no such folder, or the file is something else.
        """
        if path is None or not path.exists():
            if path is not None:
                expect_folder_of(path)
            return cls(settings, path)
        stored = _read(path)
        known = stored.attrs["settings"]
        for name, value in settings.items():
            if known.get(name) != value:
                raise SpecificationError(
                    f"{path} holds a calibration with another {name}, {known.get(name)}, not "
                    f"{value}; give the same arguments to resume it, or another path to start a "
                    "new one."
                )
        failures = {int(number): text for number, text in stored.attrs["failures"].items()}
        return cls(settings, path, _replications(stored), failures)

    def missing(self, replications: int) -> list[int]:
        """Return the numbers of the replications that are still to be done."""
        return [
            number
            for number in range(replications)
            if number not in self.done and number not in self.failures
        ]

    def first(self, replications: int) -> Checkpoint:
        """Return the same without the replications that were not requested."""
        done = {number: one for number, one in self.done.items() if number < replications}
        failures = {number: one for number, one in self.failures.items() if number < replications}
        return Checkpoint(self.settings, self.path, done, failures)

    def write(self) -> None:
        """Write everything to disk atomically, if there is a path."""
        if self.path is None or not self.done:
            return
        stored = self.gathered()
        stored.attrs["failures"] = json.dumps(self.failures)
        stored.attrs["settings"] = json.dumps(self.settings)
        atomic_write(stored, self.path)

    def gathered(self) -> xr.Dataset:
        """Return the finished replications in the order of their numbers."""
        numbers = sorted(self.done)
        variables = {
            name: (
                (REPLICATION, QUANTITY),
                np.stack([getattr(self.done[number], name) for number in numbers]),
            )
            for name in _VARIABLES
        }
        coords = {REPLICATION: numbers, QUANTITY: list(self.done[numbers[0]].names)}
        return xr.Dataset(variables, coords=coords, attrs={"failures": dict(self.failures)})


def _read(path: Path) -> xr.Dataset:
    try:
        stored = read_table(path)
        for name in ("failures", "settings"):
            stored.attrs[name] = dict(json.loads(stored.attrs[name]))
    except (BayesGMMError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not a file that bayesgmm.calibrate wrote.") from error
    return stored


def _replications(stored: xr.Dataset) -> dict[int, Replication]:
    names = tuple(str(name) for name in stored[QUANTITY].values)
    columns = zip(*(stored[name].values for name in _VARIABLES), strict=True)
    return {
        int(number): Replication(names, *values)
        for number, values in zip(stored[REPLICATION].values, columns, strict=True)
    }

"""Writers that are killed while they save, one after the other; run as a process of its own.

    python killed_writers.py KILLS SEED PATH...

Each forked writer saves one tree or the other to PATH again and again until it is killed. Prints,
in a line for each path, how often each of the two was there afterwards.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import xarray as xr

import bayesgmm as bg
from bayesgmm.schema import ATTRIBUTE


def tree_with(number: int) -> xr.DataTree:
    """Return what passes for a fit, all its numbers the same."""
    shape, dims = (1, 4, 2), ("chain", "draw", "component")
    posterior = {"weights": (dims, np.full(shape, float(number)))}
    for name in ("means", "scales"):
        posterior[name] = ((*dims, "feature"), np.full((*shape, 3), float(number)))
    both = (*dims, "feature", "feature_bis")
    posterior["covariances"] = (both, np.full((*shape, 3, 3), float(number)))
    rows = xr.Dataset({"x": (("obs_id", "feature"), np.full((20_000, 3), float(number)))})
    others = ("sample_stats", "constant_data", "point_estimate", "relabeling")
    groups = {"posterior": xr.Dataset(posterior), "observed_data": rows}
    tree = xr.DataTree.from_dict(groups | {name: xr.Dataset() for name in others})
    tree.attrs[ATTRIBUTE] = "{}"
    return tree


def write_until_killed(trees: list[xr.DataTree], path: Path) -> None:
    while True:
        for tree in trees:
            bg.save(tree, path)


def main(path: Path, kills: int, seed: int) -> None:
    trees, rng = [tree_with(0), tree_with(1)], np.random.default_rng(seed)
    began = time.monotonic()
    bg.save(trees[0], path)
    once, found = time.monotonic() - began, [0, 0]
    for _ in range(kills):
        writer = os.fork()
        if writer == 0:
            write_until_killed(trees, path)
        time.sleep(rng.uniform(0, 3 * once))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        stored = bg.load(path)
        number = int(stored["observed_data"]["x"].values[0, 0])
        assert stored.identical(trees[number])
        found[number] += 1
    bg.save(trees[1], path)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    print(*found)


if __name__ == "__main__":
    for name in sys.argv[3:]:
        main(Path(name), int(sys.argv[1]), int(sys.argv[2]))

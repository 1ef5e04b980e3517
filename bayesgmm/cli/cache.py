"""The cache of compiled kernels: location, size, removal."""

from __future__ import annotations

from pathlib import Path

from bayesgmm.cli.results import print_json, say
from bayesgmm.digits import counted
from bayesgmm.numerics.kernel_cache import cached_files
from bayesgmm.numerics.kernels import exponential


def run_cache(*, clear: bool, json: bool) -> None:
    """Show location and size, and remove the cache if requested."""
    place = exponential.exponential.stats.cache_path  # all kernels are kept in one folder
    files = cached_files(Path(place)) if place else []
    n_bytes = sum(file.stat().st_size for file in files)
    if clear:
        for file in files:
            file.unlink(missing_ok=True)
    if place is None:
        say("Compiled code is not cached: numba found no writable folder.")
    else:
        did = "removed" if clear else "kept"
        say(f"{counted(len(files), 'file')} of compiled code, {n_bytes / 1e6:.1f} MB, {did} in")
        say(str(place))
    say("The environment variable NUMBA_CACHE_DIR selects another folder.")
    if json:
        print_json({"folder": place, "files": len(files), "bytes": n_bytes, "cleared": clear})

"""A verdict on a posterior as a value: what was found, how bad it is, what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayesgmm.analysis.diagnosis.page import as_html, rhat_in_words

if TYPE_CHECKING:  # heavy, and not needed for a finding alone
    import xarray as xr


@dataclass(frozen=True)
class Finding:
    """One thing that was found, and what to do about it.

    Attributes
    ----------
    problem : str
        What was found, in words and figures.
    remedy : str
        What to do about it.
    kind : str
        Its short name: ``"labels switched"``, ``"overlap"``, ``"different modes"``,
        ``"unvisited mode"``, ``"better mode"``, ``"missed mode"``, ``"empty component"``,
        ``"few rows"``, ``"collapsed component"``, ``"prior conflict"``, ``"divergences"``,
        ``"chains disagree"``, ``"slow chains"``, ``"stuck covariance"``, ``"few draws"``,
        ``"one chain"``, ``"interrupted"``, ``"approximation"`` or ``"peak"``.
    serious : bool
        Whether the draws cannot be used as they are; ``False`` where it is only good to know.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.Finding("2 transitions diverged.", "Raise target_accept to 0.95."))
    2 transitions diverged. Raise target_accept to 0.95.
    """

    problem: str
    remedy: str
    kind: str = ""
    serious: bool = True

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The verdict on a posterior.

    Attributes
    ----------
    passed : bool
        Whether the draws can be used as they are.
    verdict : str
        One line in words.
    findings : tuple of Finding
        What was found, each with its remedy; those that are not serious do not stop the draws
        from passing.
    figures : xarray.Dataset
        ``rhat``, ``ess_bulk`` and ``ess_tail`` of the worst entry of each variable, dim
        ``variable``, what chance allows its R-hat (``rhat_limit``), and whether relabelling can
        change it (``label_free``); ``expected_rows``
        of each component; ``confusion`` of each pair of components; ``chain_distance``, how
        differently two chains put rows together. Attribute ``divergences``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> diagnosis = bg.diagnose(bg.example_fit())
    >>> diagnosis.passed, len(diagnosis.findings)
    (True, 0)
    """

    passed: bool
    verdict: str
    findings: tuple[Finding, ...]
    figures: xr.Dataset

    @property
    def warning(self) -> str:
        """The verdict and what stands against the draws; empty where nothing does."""
        problems = [one for one in self.findings if one.serious]
        return " ".join([self.verdict, *map(str, problems)]) if problems else ""

    def __str__(self) -> str:
        lines = [self.verdict, *(f"  - {finding}" for finding in self.findings), "", self._table()]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.passed, self.verdict, self.findings, self.figures)

    def _table(self) -> str:
        names = [str(name) for name in self.figures["variable"].values]
        width = max(16, *(len(name) + 2 for name in names))
        rows = [f"{'worst entry of':<{width}}{'R-hat':>8}{'bulk ESS':>10}{'tail ESS':>10}"]
        for name in names:
            entry = self.figures.sel(variable=name)
            rhat, bulk, tail = (float(entry[key]) for key in ("rhat", "ess_bulk", "ess_tail"))
            rows.append(f"{name:<{width}}{rhat_in_words(rhat):>8}{bulk:>10.0f}{tail:>10.0f}")
        return "\n".join(rows)

"""What an engine was told, so that no remedy is what was done already."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from bayesgmm.posterior.fit import Fit


@dataclass(frozen=True)
class Settings:
    """The name of an engine, and its options; empty where a tree does not say.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.diagnosis.settings import Settings
    >>> from bayesgmm.posterior.fit import Fit
    >>> settings = Settings.of(Fit(bg.example_fit()))
    >>> settings.engine, settings.options["draws"]
    ('NUTS', 1000)
    """

    engine: str
    options: dict[str, Any]

    @classmethod
    def of(cls, fit: Fit) -> Settings:
        """Read the record of a fit, which holds the engine as Python writes it."""
        try:
            call: Any = ast.parse(str(fit.record.get("engine", "")), mode="eval").body
            options = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
            return cls(call.func.id, options)
        except (SyntaxError, ValueError, AttributeError):
            return cls("", {})

    def more_draws(self, factor: float) -> str:
        """Return, as words, the same engine with at least so many times as many draws."""
        draws = self.options.get("draws")
        if not isinstance(draws, int):
            return "more draws"
        wanted = max(2 * draws, -(-int(factor * draws) // 1000) * 1000)
        return f"{self.engine}(draws={wanted})"

"""Figures: they ask ``analysis`` and compute nothing but geometry."""

import logging


def _says_more_than_font_cache(record: logging.LogRecord) -> bool:
    return "font cache" not in record.getMessage()


# On its first use ever, Matplotlib tells everyone that it builds its font cache. The filter has
# to be there before matplotlib.font_manager is imported, hence here.
logging.getLogger("matplotlib.font_manager").addFilter(_says_more_than_font_cache)

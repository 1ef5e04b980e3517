"""Giving the ``component`` axis a meaning: one permutation for every draw, and they are kept."""

"""Priors: immutable, printable, and independent of samplers."""

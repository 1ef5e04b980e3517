"""Numerical functions on plain arrays."""

"""Partitions of the rows: losses, draws, and the ways to sum them up."""

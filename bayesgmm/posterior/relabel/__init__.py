"""Relabeling: one permutation of the components for every draw, stored with the tree."""

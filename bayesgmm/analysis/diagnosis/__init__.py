"""Diagnostics of a posterior: one topic per file."""

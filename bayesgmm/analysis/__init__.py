"""Analyses of a fit; every result is an xarray object or a plain value."""

"""The questions that users ask of a fit; every answer is an xarray object or a plain value."""

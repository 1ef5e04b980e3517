"""Compiled loops, for the modules of ``numerics``, which document what is computed.

Sizes are run-time values, so a new number of rows, features or components needs no compilation.
The machine code is cached on disk.
"""

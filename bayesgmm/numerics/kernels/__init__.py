"""Compiled loops. Whoever wants to know what they compute reads the modules beside this folder.

Sizes are run-time values, so a new number of rows, features or components compiles nothing; the
machine code is kept on disk between processes.
"""

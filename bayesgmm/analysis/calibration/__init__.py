"""Simulation-based calibration: truths from the prior, ranked among draws of an engine."""

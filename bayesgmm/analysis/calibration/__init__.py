"""Simulation-based calibration of engines."""

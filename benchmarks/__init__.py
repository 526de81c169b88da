"""Measurements: run as modules, never as tests, since machines are shared and noisy."""

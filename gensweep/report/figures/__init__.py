"""Figures: functions of `Results`, registered by their decorator.

Importing this package does not import matplotlib.
"""

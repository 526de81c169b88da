"""Figures: functions of `Results`, found in this package by their decorator; importing it imports no matplotlib."""

"""Users' own files: how they are read, shipped, imported and identified."""

from gensweep.plugins.installed import register_finder

register_finder()

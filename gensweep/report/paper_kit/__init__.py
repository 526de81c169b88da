"""The paper kit: what an author's LaTeX paper includes, from the results of sweeps.

`gensweep.report.paper` is something else: the numbers of the one paper that built-in sweeps repeat.
"""

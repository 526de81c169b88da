"""What a user would write instead of gensweep, as PyTorch's and Ray Tune's guides teach it.

One script a family of models. They import nothing of gensweep: settings and arrays come from files, and each trains
a grid with a default `tune.Tuner`. `python -m benchmarks` runs them beside gensweep.
"""

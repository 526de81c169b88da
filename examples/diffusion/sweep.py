"""The diffusion model on drawn portraits, at three widths: gensweep examples/diffusion/sweep.py"""

from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="diffusion",
    grids=[Grid("diffusion", filters=[16, 32, 64], epochs=20)],
    seeds=3,
    figures=["learning_curves", "samples_by_epoch"],
    uses=["model.py"],
)

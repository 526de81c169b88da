"""CAE, VAE and GAN over depth and dataset, at a size that two cores train in an evening.

`generative.py` asks the same at the paper's size, for GPUs. Fetch the pictures first:
`gensweep data fetch cryptopunks`.
"""

from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="pictures",
    grids=[
        Grid(
            model,
            dataset=["avatars", "cryptopunks"],
            encoder_layers=[2, 3, 4],
            decoder_layers=[2, 3, 4],
            count=5000,
            filters=16,
            latent_dim=64,
            # The GAN needs many steps: with batches of 64 at its rate of 0.0002, its pictures are
            # still a grid of dots after ten epochs.
            batch_size=32,
            lr=1e-3,
            epochs=15,
            precision="auto",
        )
        for model in ("cae", "vae", "gan")
    ],
    seeds=3,
    tables=["generative"],
    figures=[
        "depth_heatmap",
        "learning_curves",
        "samples_by_epoch",
        "interpolation",
        "dataset_samples",
    ],
)

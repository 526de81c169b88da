"""CAE, VAE and GAN over encoder and decoder depth and dataset.

Other pictures: `--set dataset=avatars,rijksmuseum,folder:DIR`.
"""

from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="generative",
    grids=[
        Grid(
            model,
            dataset=["avatars", "cryptopunks"],
            encoder_layers=[1, 2, 3, 4, 5],
            decoder_layers=[1, 2, 3, 4, 5],
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

"""All six models, tiny: does everything work here?"""

from gensweep import Grid, Sweep

SEQUENCE = {"hidden": 32, "train_fraction": 0.2, "epochs": 2}
PICTURES = {
    "filters": 8,
    "latent_dim": 16,
    "count": 400,
    "epochs": 2,
    "encoder_layers": 4,
    "decoder_layers": 4,
}

SWEEP = Sweep(
    name="smoke",
    grids=[
        Grid("text_to_text", encoder_layers=[1, 2], **SEQUENCE),
        Grid("image_to_text", glyph_filters=4, **SEQUENCE),
        Grid("text_to_image", glyph_filters=4, **SEQUENCE),
        *(Grid(model, **PICTURES) for model in ("cae", "vae", "gan")),
    ],
    seeds=2,
    tables=["leaderboard"],
    figures=[
        "learning_curves",
        "training_history",
        "predicted_and_true",
        "answer_distances",
        "generated_answers",
        "samples_by_epoch",
        "interpolation",
        "dataset_samples",
    ],
)

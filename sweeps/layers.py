"""The paper's Tables 2 to 4, and every combined depth, which it could not run."""

from gensweep import Grid, Sweep

DEPTHS = {
    "encoder_layers": [1, 2, 3, 4, 5],
    "decoder_layers": [1, 2, 3, 4, 5],
    "epochs": 10,
}

SWEEP = Sweep(
    name="layers",
    grids=[
        Grid("text_to_text", **DEPTHS),
        Grid(
            "image_to_text",
            glyph_encoder="flat",
            digit_split="shared",
            **DEPTHS,
        ),  # as in the paper
        Grid("text_to_image", digit_split="shared", **DEPTHS),
    ],
    seeds=3,
    tables=["depth", "test_set"],
    figures=[
        "depth_heatmap",
        "learning_curves",
        "training_history",
        "predicted_and_true",
        "answer_distances",
        "generated_answers",
        "dataset_samples",
    ],
)

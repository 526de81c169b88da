"""When a measured number means something: least examples, readers that err too often, and names of former versions."""

from __future__ import annotations

from collections.abc import Mapping

FORMER_NAMES = {name: f"{name}_random_vgg" for name in ("fid", "kid", "density", "coverage")}
"""Metrics of former versions that did not name their feature network -> their names now."""
FORMER_DOCS = {
    "reader_accuracy": (
        "Share of all glyphs of the test queries that the reader reads rightly; drawn operators, which are easy, "
        "included.\n\nA former version measured it. About two thirds of these glyphs are operators, so it says little "
        "of digits: see `reader_digit_accuracy`."
    )
}
"""Metrics that are measured no more -> what they are."""
MIN_PICTURES = {
    "fid_random_vgg": 513,
    "fid_inception": 2049,
    **{
        f"{name}_{network}": 200
        for network in ("random_vgg", "inception")
        for name in ("kid", "density", "coverage")
    },
}
"""Metric -> the least number of test pictures, and of as many samples, of which it is measured.

- FID fits a normal distribution to the features. A covariance of n pictures has rank n - 1 at most, so n pictures
  describe d features from n = d + 1 on: 512 of `random_vgg`, 2,048 of `inception`. Below, FID is mostly bias.
- KID is unbiased, so that only its spread asks for pictures: a few hundred, as Binkowski et al. 2018 show.
- Density and coverage look at each picture's five nearest ones. Of 200 pictures these are 2.5%, which is near; of 16
  they are a third. The standard error of coverage, at most 0.5 / sqrt(n), is 3.5 points there.
"""
READER_METRIC = "reader_digit_accuracy"
MIN_READER_ACCURACY = 0.9
"""Digits that a reader must read rightly for what it reads to count.

An answer has about two digits, so a reader of accuracy r reads right answers, perfectly drawn, as right with a
chance of about r^2: 0.81 at this limit. A worse reader would tell more of itself than of the model.
"""
METRICS_BY_READER = (
    "read_exact_match",
    "read_char_accuracy",
    "read_unparsable",
    "read_mean_absolute_error",
)
"""Metrics that a reader measures."""
TEST_SPLIT = "test"
READER_DIGITS = "reader_digits"
"""In a record's `examples`: the digit pictures of which the reader's accuracy is measured."""


def get_current_name(metric: str) -> str:
    """Return a metric's name now, of a name that a record holds: `test/fid` is `test/fid_random_vgg`."""
    split, slash, name = metric.rpartition("/")
    return f"{split}{slash}{FORMER_NAMES.get(name, name)}"


def explain_unsound(
    metric: str, examples: Mapping[str, int], metrics: Mapping[str, float]
) -> str | None:
    """Return why a point's metric says nothing; None where it says something, or nobody can know.

    Args:
        metric: its name, without the split.
        examples: the record's counts of examples; empty in old records.
        metrics: the record's metrics, under their names now.
    """
    least, count = MIN_PICTURES.get(metric, 0), examples.get(TEST_SPLIT)
    if count is not None and count < least:
        return f"needs at least {least} pictures; the test set has {count}"
    accuracy = metrics.get(f"{TEST_SPLIT}/{READER_METRIC}")
    if metric in METRICS_BY_READER and accuracy is not None and accuracy < MIN_READER_ACCURACY:
        of = (
            f" of {examples[READER_DIGITS]:,} held-out digits"
            if READER_DIGITS in examples
            else " of held-out digits"
        )
        return f"needs a reader that reads {MIN_READER_ACCURACY:.0%}{of}; this one reads {accuracy:.0%}"
    return None

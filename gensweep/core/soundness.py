"""Rules for when a measured number means something: enough examples, and a good reader."""

from __future__ import annotations

from collections.abc import Mapping

from gensweep.core.registries import METRICS
from gensweep.core.roles import Role

FORMER_NAMES = {
    name: f"{name}_random_vgg"
    for name in ("fid", "kid", "density", "coverage")
}
"""Names of metrics in former versions, without their feature network -> their names now."""
FORMER_DOCS = {
    "reader_accuracy": (
        "Share of all glyphs of the test queries that the reader reads rightly; drawn operators, "
        "which are easy, included.\n\nA former version measured it. About two thirds of these "
        "glyphs are operators, so it says little of digits: see `reader_digit_accuracy`."
    ),
}
"""Metrics that are no longer measured -> their documentation."""
FEATURES_VARIABLE = "GENSWEEP_FEATURES"
"""The environment variable that names networks whose features metrics compare."""
FEATURE_COUNTS = {
    "efficientnet_lite0": 1280,
    "random_vggs": 128,
    "random_vgg": 512,
    "inception": 2048,
}
"""Feature network -> features; of `random_vggs`, those of one draw of its weights."""
_COMPARISONS = ("kid_x1000", "kid", "mind", "density", "coverage")
_MIN_COMPARED = 200
MIN_PICTURES = {
    **{
        f"fid_{network}": features + 1
        for network, features in FEATURE_COUNTS.items()
    },
    **{
        f"{kind}_{network}": _MIN_COMPARED
        for network in FEATURE_COUNTS
        for kind in (*_COMPARISONS, "kid_interval", "kid_spread")
    },
    "memorization_ratio": _MIN_COMPARED,
    "valid_faces": _MIN_COMPARED,
    "attribute_distance": _MIN_COMPARED,
}
"""Metric -> the minimum number of test pictures, and of as many samples, for a measurement.

- FID fits a normal distribution to the features. A covariance of n pictures has rank n - 1 at
  most, so n pictures describe d features from n = d + 1 on: 128 of a draw of `random_vggs`, 512 of
  `random_vgg`, 1,280 of `efficientnet_lite0`, 2,048 of `inception`. With fewer pictures, FID is
  mostly bias.
- KID is unbiased, so it needs pictures only for a small spread: a few hundred, as Binkowski et
  al. 2018 show. Its interval compares ten parts of the pictures.
- The sliced Wasserstein distance falls as pictures are added: of 200 in 256 directions, it is
  still mostly the distance of the distributions.
- Density and coverage use the five nearest neighbours of each picture. Five of 200 pictures are
  2.5%, which is near; five of 16 are a third. The standard error of coverage, at most
  0.5 / sqrt(n), is 3.5 points at 200. The memorization ratio uses the nearest neighbour.
- The standard error of a share of faces, at most 0.5 / sqrt(n), is 3.5 points at 200 too.
"""
READER_METRIC = "reader_digit_accuracy"
ATTRIBUTE_READER_METRIC = "attribute_reader_accuracy"
MIN_READER_ACCURACY = 0.9
"""Share of digits that a reader must read correctly, or the metrics that it measures do not count.

An answer has about two digits. So a reader of accuracy r reads a correct and perfectly drawn
answer as correct with a probability of about r^2: 0.81 at this limit. With a worse reader the
metric would say more about the reader than about the model. The reader of attributes judges by
those that it reads so often, and leaves out the others.
"""
MIN_MEAN_ATTRIBUTE_ACCURACY = 0.8
"""Share of all attributes that their reader must read correctly, or it judges by too few."""
TEST_SPLIT = "test"
READER_DIGITS = "reader_digits"
"""Key of a record's `examples`: the pictures of digits that measure the reader's accuracy."""


def get_current_name(metric: str) -> str:
    """Return today's name of a metric in a record: `test/fid` is `test/fid_random_vgg`."""
    split, slash, name = metric.rpartition("/")
    return f"{split}{slash}{FORMER_NAMES.get(name, name)}"


def explain_unsound(
    metric: str, examples: Mapping[str, int], metrics: Mapping[str, float]
) -> str | None:
    """Return why a metric of a point means nothing; None if it is sound, or that is not known.

    Args:
        metric: its name, without the split.
        examples: the record's counts of examples; empty in old records.
        metrics: the record's metrics, under today's names.
    """
    roles: frozenset[str] = frozenset()
    minimum = MIN_PICTURES.get(metric, 0)
    if metric in METRICS:
        roles = METRICS[metric].roles
        minimum = METRICS[metric].min_examples
    count = examples.get(TEST_SPLIT)
    if count is not None and count < minimum:
        return f"needs at least {minimum} pictures; the test set has {count}"
    if Role.READ in roles:
        digits = _count("held-out digits", examples.get(READER_DIGITS))
        return _explain_poor_reader(
            READER_METRIC, MIN_READER_ACCURACY, digits, metrics
        )
    if Role.ATTRIBUTES in roles:
        attributes = "the attributes of held-out pictures"
        return _explain_poor_reader(
            ATTRIBUTE_READER_METRIC,
            MIN_MEAN_ATTRIBUTE_ACCURACY,
            attributes,
            metrics,
        )
    return None


def _explain_poor_reader(
    accuracy_metric: str,
    minimum: float,
    subject: str,
    metrics: Mapping[str, float],
) -> str | None:
    """Return why a reader's metrics mean nothing; None if it is good, or that is not known.

    Args:
        accuracy_metric: the metric that says how good the reader is.
        minimum: the accuracy that it needs.
        subject: what it reads, in words.
        metrics: the record's metrics.
    """
    accuracy = metrics.get(f"{TEST_SPLIT}/{accuracy_metric}")
    if accuracy is None or accuracy >= minimum:
        return None
    return (
        f"needs a reader that reads {minimum:.0%} of {subject}; "
        f"this one reads {accuracy:.0%}"
    )


def _count(subject: str, count: int | None) -> str:
    """Return a subject with its number, if that is known."""
    return subject if count is None else f"{count:,} {subject}"

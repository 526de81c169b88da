"""The models: one contract for all of the registry."""

from __future__ import annotations

import importlib
import io
import itertools
import random
import re
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import CPU, TINY, batch, point, trained, training
from torch.func import grad_and_value, stack_module_state, vmap

from gensweep.core.model import Model
from gensweep.core.registries import MODELS, list_metrics
from gensweep.core.training_config import TrainingConfig
from gensweep.nn.base_network import Network
from gensweep.nn.glyph_codec import get_glyphs
from gensweep.sweep.point import Point
from gensweep.system.storage import write_atomic
from gensweep.train import checkpoint
from gensweep.train.artifacts import render_samples as png
from gensweep.train.networks import build_network, create_network
from gensweep.train.optimizers import PlayerOptimizer

HEADINGS = [
    "Method",
    "Logged numbers",
    "Differences from the method",
    "Differences from the paper",
]
NOISY: dict[str, dict[str, Any]] = {
    "text_to_text": {"dropout": 0.2},
    "image_to_text": {"augment": 1.0, "dropout": 0.2},
    "text_to_image": {"dropout": 0.2},
}
"""What makes a model draw random numbers that draws none at its defaults."""
UNDEFINED = {
    "fid_random_vgg", "kid_x1000_random_vgg", "kid_interval_random_vgg", "mind_random_vgg",
    "density_random_vgg", "coverage_random_vgg", "memorization_ratio", "palette_share",
    "mean_absolute_error", "read_mean_absolute_error",
    "valid_faces", "held_out_valid_faces", "attribute_distance", "held_out_attribute_distance",
    "attribute_reader_accuracy", "reconstructed_attributes",
    "exact_match_plus", "exact_match_minus", "exact_match_carries_0", "exact_match_carries_1", "exact_match_carries_2",
}  # fmt: skip
"""Metrics that say nothing of two examples, or not of any two."""
every_model = pytest.mark.parametrize("name", list(MODELS))


def config(name: str, **params: Any) -> Model:
    return point(name, **params).model_config()


def network(name: str, seed: int = 0, **params: Any) -> Network:
    return build_network(config(name, **params), seed, CPU)


def variants(name: str) -> list[dict[str, Any]]:
    """Every combination of the model's own choices between words."""
    choices = {
        field: get_args(info.annotation)
        for field, info in MODELS[name].model_fields.items()
        if field not in TrainingConfig.model_fields and get_origin(info.annotation) is Literal
    }
    return [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]


def depths(name: str, field: str) -> range:
    """Every depth where there is a largest one, else 1 to 3."""
    largest = [
        bound.le for bound in MODELS[name].model_fields[field].metadata if hasattr(bound, "le")
    ]
    return range(1, (largest[0] if largest else 3) + 1)


def real_count(model: Model) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in create_network(model).parameters())


@lru_cache(maxsize=64)
def usual(name: str, **params: Any) -> tuple[list[dict[str, float]], dict[str, float]]:
    """What others are compared with, trained once."""
    return trained(name, **params)


def state(network: Network) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    assert one.keys() == other.keys()
    return {name for name in one if not torch.equal(one[name], other[name])}


def test_every_model_has_its_tiny_size_here() -> None:
    assert set(TINY) == set(MODELS)


@every_model
class TestNetwork:
    def test_parameter_count_is_that_of_the_network_at_every_depth(self, name: str) -> None:
        for words in variants(name):
            for encoder, decoder in itertools.product(
                depths(name, "encoder_layers"), depths(name, "decoder_layers")
            ):
                model = config(name, **words, encoder_layers=encoder, decoder_layers=decoder)
                assert model.count_parameters() == real_count(model), (words, encoder, decoder)

    def test_parameter_count_is_that_of_the_network_at_the_defaults(self, name: str) -> None:
        usual = Point.make(name, {}, 0).model_config()
        assert usual.count_parameters() == real_count(usual)

    @pytest.mark.parametrize("depth", [1, 3])
    @pytest.mark.slow
    def test_activation_count_is_what_autograd_keeps_or_up_to_twice_that(
        self, name: str, depth: int
    ) -> None:
        """Tensors saved for the backward pass, each storage once, parameters left out; 10% for small buffers."""
        net, size = network(name, encoder_layers=depth), 8
        weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
        needed = 0.0
        for player in net.config.players:
            stored: dict[int, float] = {}

            def keep(tensor: torch.Tensor, stored: dict[int, float] = stored) -> torch.Tensor:
                storage = tensor.untyped_storage()
                if storage.data_ptr() not in weights:
                    stored[storage.data_ptr()] = storage.nbytes() / 4 / size
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                alive = net(player, batch(name, size), net.draw(size, torch.Generator()))
            assert alive[0].requires_grad
            needed = max(needed, sum(stored.values()))
        assert needed / 1.1 < net.config.count_activations() < 2 * needed

    def test_losses_are_finite_scalars(self, name: str) -> None:
        net = network(name)
        noise = net.draw(5, torch.Generator().manual_seed(1))
        for player in net.config.players:
            loss, terms = net(player, batch(name, 5), noise)
            assert terms
            for value in (loss, *terms.values()):
                assert value.shape == () and value.isfinite()

    def test_loss_with_other_parameters_equals_forward_of_the_network_that_has_them(
        self, name: str
    ) -> None:
        one, other = network(name, seed=0), network(name, seed=1)
        before = state(one)
        noise = one.draw(5, torch.Generator().manual_seed(1))
        for player in one.config.players:
            mine = one(player, batch(name, 5), noise)[0]
            pure, pure_terms = one.loss(
                player, dict(other.named_parameters()), batch(name, 5), noise
            )
            plain, plain_terms = other(player, batch(name, 5), noise)
            assert torch.equal(pure, plain) and not torch.equal(pure, mine)
            assert all(
                torch.equal(pure_terms[key], plain_terms[key]) for key in plain_terms | pure_terms
            )
        assert not differing(before, state(one))

    def test_draws_from_the_given_generator_an_example_a_row(self, name: str) -> None:
        net = network(name, **NOISY.get(name, {}))
        once, again, other = (
            net.draw(5, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8)
        )
        assert not differing(once, again)
        assert differing(once, other) == set(once)
        assert all(value.shape[0] == 5 and value.device == CPU for value in once.values())

    def test_evaluation_yields_the_declared_outputs_an_example_a_row(self, name: str) -> None:
        net = network(name)
        outputs = net.evaluate(batch(name, 5), net.draw(5, torch.Generator().manual_seed(1)))
        assert set(outputs) == set(net.config.outputs)
        assert {key: value.shape[0] for key, value in outputs.items()} == dict.fromkeys(outputs, 5)

    def test_evaluating_an_example_does_not_depend_on_its_batch(self, name: str) -> None:
        net = network(name)
        noise = net.draw(5, torch.Generator().manual_seed(1))
        together = net.evaluate(batch(name, 5), noise)
        alone = net.evaluate(
            batch(name, 2, start=3), {key: value[3:] for key, value in noise.items()}
        )
        for key, value in together.items():
            torch.testing.assert_close(value[3:], alone[key])

    def test_training_and_evaluation_measure_the_same_loss(self, name: str) -> None:
        net = network(name)
        drawn = net.draw(5, torch.Generator().manual_seed(1))
        noise = dict.fromkeys(
            drawn, next(iter(drawn.values()), torch.empty(0))
        )  # players see the same
        outputs = net.evaluate(batch(name, 5), noise)
        for player in net.config.players:
            for key, value in net(player, batch(name, 5), noise)[1].items():
                torch.testing.assert_close(outputs[key].mean(), value)

    def test_players_share_no_parameter_and_own_them_all(self, name: str) -> None:
        net = network(name)
        owned = [key for player in net.config.players for key in net.player_parameters(player)]
        assert len(owned) == len(set(owned))
        assert set(owned) == {key for key, _ in net.named_parameters()}

    @pytest.mark.parametrize("optimizer", ["adam", "muon"])
    def test_a_players_step_moves_all_of_its_parameters_and_no_other(
        self, name: str, optimizer: str
    ) -> None:
        net = network(name, optimizer=optimizer)
        noise = net.draw(8, torch.Generator().manual_seed(1))
        for player in net.config.players:
            before, mine = state(net), net.player_parameters(player)
            stepper = PlayerOptimizer.create_single(mine, net.config, 10, net.adamw_only)
            stepper.step(net(player, batch(name, 8), noise)[0], mine, [0])
            assert differing(before, state(net)) == set(mine)

    def test_two_lanes_by_vmap_equal_each_lane_alone(self, name: str) -> None:
        """Losses, logged numbers and gradients of `torch.func.stack_module_state` under `vmap`."""
        lanes = [network(name, seed, **NOISY.get(name, {})) for seed in (0, 1)]
        batches = [batch(name, 5, start=7 * lane) for lane in (0, 1)]
        noises = [lanes[0].draw(5, torch.Generator().manual_seed(lane)) for lane in (0, 1)]
        params, buffers = stack_module_state(lanes)  # type: ignore[arg-type]
        assert not buffers
        for player in lanes[0].config.players:
            step = grad_and_value(partial(lanes[0].loss, player), has_aux=True)
            grads, (losses, terms) = vmap(step)(params, _stacked(batches), _stacked(noises))
            for lane, net in enumerate(lanes):
                loss, own_terms = net(player, batches[lane], noises[lane])
                torch.testing.assert_close(losses[lane], loss)
                for key, value in own_terms.items():
                    torch.testing.assert_close(terms[key][lane], value)
                mine = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
                for (key, parameter), gradient in zip(net.named_parameters(), mine, strict=True):
                    expected = torch.zeros_like(parameter) if gradient is None else gradient
                    scale = expected.abs().max().item()  # sums in another order differ by that much
                    torch.testing.assert_close(
                        grads[key][lane], expected, rtol=1e-4, atol=scale * 1e-5
                    )


def _stacked(lanes: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {key: torch.stack([lane[key] for lane in lanes]) for key in lanes[0]}


@pytest.mark.parametrize("glyph_encoder", ["cnn", "flat"])
def test_glyphs_that_are_seen_again_are_read_once(glyph_encoder: str) -> None:
    """With the values and gradients of reading each; bent ones differ, and are all read."""
    run = training("image_to_text", glyph_encoder=glyph_encoder)
    batch_ = run.batches.take(torch.tensor([0, 1, 2, 0, 1]))
    plain = {name: get_glyphs(batch_, name) for name in run.model.inputs}
    seen: list[int] = []
    run.network.glyphs.register_forward_pre_hook(
        lambda module, value: seen.append(value[0].shape[0])
    )
    losses = [run.network("model", value, {})[0] for value in (batch_, plain)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
    some, every = (torch.autograd.grad(loss, list(run.network.parameters())) for loss in losses)
    for one, other in zip(some, every, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert seen == ([5] if glyph_encoder == "cnn" else [5, 5]), (
        "calls that read all glyphs of 5 examples"
    )
    bent = training("image_to_text", glyph_encoder=glyph_encoder, augment=1.0).network
    noise = bent.draw(5, torch.Generator().manual_seed(0))
    assert torch.equal(bent("model", batch_, noise)[0], bent("model", plain, noise)[0])


@every_model
class TestTraining:
    def test_leaves_every_global_generator_alone(self, name: str) -> None:
        def states() -> tuple[Any, ...]:
            return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())  # noqa: NPY002

        before = states()
        run = training(name, **NOISY.get(name, {}))
        run.run_epoch()
        run.test()
        run.make_samples()
        assert states() == before

    def test_every_metric_of_the_model_is_in_history_and_test(self, name: str) -> None:
        """But for those that two examples leave undefined; a costly one is not in the history."""
        history, test = usual(name)
        metrics = {metric.name: metric for metric in list_metrics(MODELS[name].outputs)}
        assert metrics
        assert {f"test/{metric}" for metric in metrics} - set(test) <= {
            f"test/{metric}" for metric in UNDEFINED
        }
        assert set(test) <= {f"test/{metric}" for metric in metrics}
        cheap = {
            f"validation/{name}" for name, metric in metrics.items() if metric.when == "always"
        }
        assert cheap == {key for key in history[0] if key.startswith("validation/")}

    def test_the_same_seed_gives_the_same_bits_and_another_seed_others(self, name: str) -> None:
        once, again, other = (trained(name, seed, **NOISY.get(name, {})) for seed in (3, 3, 4))
        assert once == again
        assert once[0][0].keys() == other[0][0].keys()
        assert all(
            once[0][0][key] != other[0][0][key] for key in once[0][0] if key.startswith("train/")
        )

    @pytest.mark.parametrize("optimizer", ["adam", "muon"])
    def test_resumed_from_a_file_equals_never_stopped_bit_for_bit(
        self, name: str, optimizer: str, tmp_path: Path
    ) -> None:
        params = NOISY.get(name, {}) | {
            "optimizer": optimizer,
            "schedule": "warmup_linear",
            "epochs": 2,
        }
        complete = training(name, **params)
        complete.run_epoch()
        path = tmp_path / "checkpoint.pt"
        write_atomic(path, partial(checkpoint.save, point_id="p", state=complete.state_dict()))
        complete.run_epoch()
        resumed = training(name, **params)
        resumed.load_state_dict(checkpoint.load(path, "p", CPU))
        assert (resumed.epoch, len(resumed.history)) == (1, 1)
        resumed.run_epoch()
        assert resumed.history == complete.history and len(complete.history) == 2
        assert not differing(resumed.network.state_dict(), complete.network.state_dict())
        assert resumed.test() == complete.test()

    def test_samples_make_a_picture_that_opens(self, name: str) -> None:
        samples = training(name).make_samples()
        picture = Image.open(io.BytesIO(png(samples)))
        assert picture.format == "PNG"
        picture.load()
        if samples.pictures is None:
            assert len(samples.captions) == 2
            assert picture.height > 10 * len(samples.captions) and picture.width > 50
        else:
            count, _, height, width = samples.pictures.shape
            rows, columns = -(-count // samples.columns), min(count, samples.columns)
            assert picture.width >= columns * width and picture.height >= rows * height
            assert len(samples.captions) in (0, count)
            assert samples.pictures.min() >= 0 and samples.pictures.max() <= 1


@pytest.mark.parametrize("name", [name for name in MODELS if len(MODELS[name].players) == 1])
def test_an_epoch_lowers_the_training_loss(name: str) -> None:
    """Where no other player raises it."""
    run = training(name, lr=3e-3)
    before = run.evaluate("train")["train/loss"]
    run.run_epoch()
    assert run.evaluate("train")["train/loss"] < before


@every_model
class TestPage:
    def test_has_the_same_headings_each_with_text(self, name: str) -> None:
        page = importlib.import_module(MODELS[name].__module__).__doc__ or ""
        title, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
        assert re.fullmatch(r"[A-Z][A-Za-z ]*: \S.*\.\s*", title)
        assert [section.partition("\n")[0] for section in sections] == HEADINGS
        assert all(section.partition("\n")[2].strip() for section in sections)

    def test_explains_every_logged_number_and_no_other(self, name: str) -> None:
        page = importlib.import_module(MODELS[name].__module__).__doc__ or ""
        meanings = page.partition(f"## {HEADINGS[1]}")[2].partition("## ")[0]
        heads = re.findall(r"^- ((?:`\w+`(?:, )?)+):", meanings, flags=re.MULTILINE)
        explained = [word for head in heads for word in re.findall(r"`(\w+)`", head)]
        history, _ = usual(name)
        logged = {key.partition("/")[2] for key in history[0] if "/" in key}
        metrics = {metric.name for metric in list_metrics(MODELS[name].outputs)}
        assert len(explained) == len(set(explained))
        assert set(explained) <= logged | metrics
        # `list metrics` explains metrics, so a new one changes no model's page.
        assert logged - metrics <= set(explained)

    def test_names_itself(self, name: str) -> None:
        model = MODELS[name]
        assert model.name == name and model.__doc__
        assert [
            other for other, entry in MODELS.items() if entry.abbreviation == model.abbreviation
        ] == [name]
        assert all(info.description for info in model.model_fields.values())


WITH: dict[str, dict[str, Any]] = {
    "weight_decay": {"optimizer": "adamw"},
    "muon_lr": {"optimizer": "muon"},
    "muon_momentum": {"optimizer": "muon"},
    "warmup": {"schedule": "warmup_linear"},
    "hold": {"schedule": "warmup_linear"},
    "until": {"epochs": 2},
}
"""Where a parameter acts that does not always."""
OTHER: dict[str, list[Any]] = {
    "epochs": [2], "batch_size": [10], "lr": [2e-3], "beta1": [0.7], "beta2": [0.9], "weight_decay": [0.1],
    "muon_lr": [0.05], "muon_momentum": [0.5], "warmup": [0.7], "hold": [0.7], "clip_norm": [1e-3, 2e-3],
    "encoder_layers": [3], "decoder_layers": [3], "filters": [3], "latent_dim": [5], "beta": [0.0, 4.0],
    "hidden": [7], "glyph_filters": [3], "augment": [0.5, 1.0], "until": [1],
    "dropout": [0.5],
}  # fmt: skip
"""For every number of any model, values that no tiny point has; words take all that they may."""


def another_value(value: Any) -> Any:
    """Return another value of a parameter that a new model may have."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value / 2 + 0.01


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in MODELS for field in MODELS[name].model_fields]
)
def test_every_parameter_changes_the_numbers(name: str, field: str) -> None:
    """From what a sweep names, through the point, to history and test."""
    context = WITH.get(field, {})
    now, annotation = (
        point(name, **context).params[field],
        MODELS[name].model_fields[field].annotation,
    )
    others = [
        value for value in get_args(annotation) if value not in (now, "auto")
    ]  # which is one of the others
    if get_origin(annotation) is not Literal:
        others = OTHER.get(field) or [another_value(now)]
    outcomes = [
        usual(name, **context),
        *(trained(name, **(context | {field: other})) for other in others),
    ]
    assert others and now not in others
    assert len({repr(outcome) for outcome in outcomes}) == len(outcomes)


@every_model
def test_the_training_fraction_and_the_split_change_the_numbers(name: str) -> None:
    assert trained(name, train_fraction=0.5) != usual(name)
    assert trained(name, split_seed=1) != usual(name)

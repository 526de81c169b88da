"""The benchmark: both sides do the same work, FLOPs are counted right, and its page loses nothing. No timing."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import __main__ as command
from benchmarks import cases, compare, flops, muon, overhead, packs, pages, roofline
from gensweep.core.dataset import split_rows
from gensweep.core.registries import MODELS
from gensweep.core.training_config import TrainingConfig
from gensweep.kernels import build
from gensweep.nn.glyph_codec import get_glyphs
from gensweep.sweep.load import read_sweep
from gensweep.system.text import replace_surrogates
from gensweep.train.batches import Batches
from gensweep.train.loop import Training
from gensweep.train.muon import orthogonalise
from gensweep.train.optimizers import EPSILON

ROOT = Path(__file__).parents[2]
every_model = pytest.mark.parametrize("model", list(MODELS))
DEEP = {"encoder_layers": 2, "decoder_layers": 3}


def case(model: str, **params: Any) -> cases.Case:
    """A tiny case; of the examples that it names only `tiny.EXAMPLES` are used where arrays are wanted."""
    return cases.Case(model, tiny.TINY[model] | params, (1e-3, 2e-3))


def script(model: str) -> Any:
    """The idiomatic script of the model's family."""
    return importlib.import_module(case(model).script)


def both(model: str, **params: Any) -> tuple[Training, Any, dict[str, Any]]:
    """gensweep's training of a tiny point, the script, and what the script trains the same point with."""
    wanted = case(model, **params)
    point = wanted.points()[0]
    training = Training(point.model_config(), point.data_config(), 0, tiny.few(point), tiny.CPU)
    return training, script(model), wanted.settings()["params"] | {"lr": 1e-3, "seed": 0}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of examples in place of each dataset."""
    by_data = {point.data_config().model_dump_json(): point for point in map(tiny.point, MODELS)}
    monkeypatch.setattr(
        cases.array_cache, "load_arrays", lambda data: tiny.few(by_data[data.model_dump_json()])
    )


# --- the same work


def test_there_is_a_case_of_every_model() -> None:
    assert (
        [one.model for one in cases.FULL]
        == [one.model for one in cases.QUICK]
        == list(cases.MODELS)
    )
    assert set(cases.MODELS) == set(MODELS)
    for quick, full in zip(cases.QUICK, cases.FULL, strict=True):
        assert quick.smaller_than(full) and not full.smaller_than(full)
        assert quick.rounds >= 2, "one round has no minimum and maximum"


@pytest.mark.parametrize("wanted", cases.FULL + cases.QUICK, ids=lambda one: one.model)
def test_the_sweep_file_holds_the_grid_of_the_script(wanted: cases.Case, tmp_path: Path) -> None:
    file = tmp_path / "benchmark.py"
    file.write_text(wanted.sweep_file())
    points = read_sweep(file).points()
    assert [point.id for point in points] == [point.id for point in wanted.points()]
    settings = wanted.settings()
    grid = [(lr, seed) for lr in settings["grid"]["lr"] for seed in settings["grid"]["seed"]]
    assert grid == [(point.params["lr"], point.seed) for point in points]
    fixed = {key: value for key, value in settings["params"].items() if key != "model"}
    assert all(fixed | {"lr": point.params["lr"]} == point.params for point in points), (
        "no parameter is left out"
    )
    assert (fixed["init"], fixed["optimizer"], fixed["schedule"]) == ("torch", "adam", "constant")
    for name in ("weight_decay", "clip_norm"):
        assert not fixed.get(name), "the scripts know neither"


@every_model
def test_the_script_gets_the_very_same_examples(model: str, few: None) -> None:
    point = tiny.point(model, init="torch")
    training = Training(point.model_config(), point.data_config(), 0, tiny.few(point), tiny.CPU)
    arrays, split = cases.arrays(point), split_rows(tiny.EXAMPLES, 0)
    assert {name.partition("/")[0] for name in arrays} == {"train", "validation", "test"}
    counts = {name.partition("/")[0]: len(array) for name, array in arrays.items()}
    assert counts == {"train": 20, "validation": 2, "test": 2}
    for part, rows in (
        ("train", split["pool"][:20]),
        ("validation", split["validation"]),
        ("test", split["test"]),
    ):
        batch = training.batches.take(torch.as_tensor(rows.copy()))
        for field in point.model_config().inputs:
            theirs = torch.tensor(arrays[f"{part}/{field}"])
            theirs = theirs / 255 if theirs.ndim > 2 else theirs.long()
            assert torch.equal(theirs, get_glyphs(batch, field)), (part, field)


@every_model
def test_both_take_as_many_steps_of_as_many_examples(model: str) -> None:
    training, idiomatic, config = both(model)
    arrays = {field: np.repeat(array, 10, 0) for field, array in few_arrays(model, "train").items()}
    dataset = idiomatic.make_dataset(config, {field: array[:20] for field, array in arrays.items()})
    theirs = [
        len(batch[0])
        for batch in DataLoader(dataset, batch_size=config["batch_size"], shuffle=True)
    ]
    ours = [size for _, size in training.run_steps()]
    assert theirs == ours == [8, 8, 4]
    assert config["epochs"] == training.model.epochs


def few_arrays(model: str, split: str) -> dict[str, np.ndarray]:
    """Some of the model's examples, as the script gets them."""
    point = tiny.point(model)
    prepared = tiny.few(point)
    rows = cases.split_rows(point, prepared)[split]
    result = {}
    for field in point.model_config().inputs:
        row, bank = prepared.lookups.get(field, (field, ""))
        result[field] = (
            prepared.banks[bank][prepared.rows[row][rows]] if bank else prepared.rows[row][rows]
        )
    return result


def channels_last(network: nn.Module) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """What turns the script's weights beside a flattening into gensweep's, whose pictures have channels last."""
    result: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    for prefix, chain in network.named_modules():
        parts = list(chain.named_children()) if isinstance(chain, nn.Sequential) else []
        channels = 0
        for index, (name, part) in enumerate(parts):
            channels = part.out_channels if isinstance(part, nn.Conv2d) else channels
            if not isinstance(part, nn.Linear):
                continue
            if index and isinstance(parts[index - 1][1], nn.Flatten):
                result[f"{prefix}.{name}.weight"] = lambda w, c=channels: w.unflatten(
                    1, (c, -1)
                ).mT.flatten(1)
            for unflatten in (
                later
                for _, later in parts[index + 1 : index + 3]
                if isinstance(later, nn.Unflatten)
            ):
                for kind in ("weight", "bias"):
                    size = unflatten.unflattened_size[0]
                    result[f"{prefix}.{name}.{kind}"] = lambda w, c=size: (
                        w.unflatten(0, (c, -1)).transpose(0, 1).flatten(0, 1)
                    )
    return result


def in_our_order(network: nn.Module, of: Callable[[nn.Parameter], Any]) -> list[torch.Tensor]:
    """The script's parameters, or what is of each, as gensweep's network has them; the second biases left out."""
    orders = channels_last(network)
    return [
        orders.get(name, lambda same: same)(of(value))
        for name, value in network.named_parameters()
        if "bias_hh" not in name
    ]


def transplant(training: Training, idiomatic: nn.Module) -> None:
    """Give gensweep's network the script's weights; of an LSTM's two biases it has the sum."""
    theirs = dict(idiomatic.named_parameters())
    seconds = {
        id(theirs[name]): theirs[name.replace("bias_ih", "bias_hh")]
        for name in theirs
        if "bias_ih" in name
    }
    values = in_our_order(
        idiomatic, lambda value: value + seconds[id(value)] if id(value) in seconds else value
    )
    ours = list(training.network.parameters())
    assert [tuple(value.shape) for value in values] == [
        tuple(parameter.shape) for parameter in ours
    ]
    with torch.no_grad():
        for parameter, value in zip(ours, values, strict=True):
            parameter.copy_(value)


@every_model
@pytest.mark.parametrize("params", [{}, DEEP], ids=["shallow", "deep"])
def test_both_have_the_same_parameters(model: str, params: dict[str, int]) -> None:
    training, idiomatic, config = both(model, **params)
    network = idiomatic.build(config)
    second_biases = sum(p.numel() for name, p in network.named_parameters() if "bias_hh" in name)
    layers = training.model.encoder_layers + training.model.decoder_layers
    assert second_biases == (layers * 4 * 6 if model in cases.SEQUENCES else 0), (
        "4 gates of 6 units a layer"
    )
    count = sum(p.numel() for p in network.parameters()) - second_biases
    assert (
        count
        == training.model.count_parameters()
        == sum(p.numel() for p in training.network.parameters())
    )
    transplant(training, network)


@every_model
def test_both_draw_their_first_weights_alike(model: str) -> None:
    """Uniform in ±bound: the largest of n numbers lies above half the bound but with chance 2^-n, and never beyond."""
    training, idiomatic, config = both(
        model, **({"hidden": 32} if model in cases.SEQUENCES else {"filters": 8})
    )
    torch.manual_seed(0)
    theirs = [p for name, p in idiomatic.build(config).named_parameters() if "bias_hh" not in name]
    compared = 0
    for ours, other in zip(training.network.parameters(), theirs, strict=True):
        if ours.numel() >= 32:
            largest, others_most = ours.abs().max().item(), other.abs().max().item()
            assert largest / others_most == pytest.approx(1, abs=0.5)
            if (
                ours.numel() >= 1000
            ):  # the standard error of a deviation of 1,000 numbers is 1.4% here
                assert ours.std().item() == pytest.approx(other.std().item(), rel=0.1)
                compared += 1
    assert compared >= 2


@pytest.mark.parametrize("model", [*cases.SEQUENCES, "cae"])
@pytest.mark.parametrize("params", [{}, DEEP], ids=["shallow", "deep"])
def test_equal_weights_give_equal_losses_and_gradients(model: str, params: dict[str, int]) -> None:
    training, idiomatic, config = both(model, **params)
    network = idiomatic.build(config)
    transplant(training, network)
    arrays = few_arrays(model, "train")
    batch = {name: torch.tensor(array) for name, array in arrays.items()}
    batch = {name: codes / 255 if codes.ndim > 2 else codes.long() for name, codes in batch.items()}
    ours, _ = training.network("model", batch, {})
    tensors = idiomatic.make_dataset(config, arrays).tensors
    theirs = (
        network(*tensors)["loss"]
        if model == "cae"
        else idiomatic.criterion(network(tensors[0]), tensors[1])
    )
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    ours.backward()
    theirs.backward()
    gradients = in_our_order(network, lambda parameter: parameter.grad)
    for parameter, gradient in zip(training.network.parameters(), gradients, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("model", ["vae", "gan"])
def test_equal_weights_give_equal_pictures_and_judgements(model: str) -> None:
    training, idiomatic, config = both(model, **DEEP)
    network = idiomatic.build(config)
    transplant(training, network)
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    latent = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    reads, draws = ("encoder", "decoder") if model == "vae" else ("discriminator", "generator")
    for part, inputs in ((reads, pictures), (draws, latent)):
        ours, theirs = getattr(training.network, part)(inputs), getattr(network, part)(inputs)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_vae_has_the_same_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    training, idiomatic, config = both("vae")
    network = idiomatic.build(config)
    transplant(training, network)
    picture = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(idiomatic.torch, "randn_like", lambda like: noise)
    _, ours = training.network("model", {"picture": picture}, {"posterior": noise, "prior": noise})
    theirs = network(picture)
    assert {n: v.item() for n, v in ours.items()} == pytest.approx(
        {n: theirs[n].item() for n in ours}, rel=1e-5
    )


def test_the_gan_has_the_same_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    training, idiomatic, config = both("gan")
    network = idiomatic.build(config)
    transplant(training, network)
    picture = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(idiomatic.torch, "randn", lambda *shape: noise)
    outputs = training.network.evaluate(
        {"picture": picture}, {"generator": noise, "discriminator": noise}
    )
    ours = {
        name: outputs[name].mean().item()
        for name in ("discriminator_loss", "generator_loss", "judged_right")
    }
    theirs = [
        network(picture)[n].item()
        for n in ("discriminator_loss", "generator_loss", "discriminator_accuracy")
    ]
    assert list(ours.values()) == pytest.approx(theirs, rel=1e-5)
    losses = {
        p: training.network(p, {"picture": picture}, {p: noise})[0].item()
        for p in ("discriminator", "generator")
    }
    assert list(losses.values()) == pytest.approx(theirs[:2], rel=1e-5), (
        "what trains is what is reported"
    )


@every_model
def test_optimizers_are_the_same(model: str) -> None:
    training, idiomatic, config = both(model)
    built = idiomatic.make_optimizer(config, idiomatic.build(config))
    theirs = built if isinstance(built, list) else [built]
    for one, other in zip(training.optimizers.values(), theirs, strict=True):
        assert type(other) is torch.optim.Adam and one.configs[0].optimizer == "adam"
        group, ours = other.param_groups[0], one.configs[0]
        assert (group["lr"], *group["betas"], group["eps"]) == (
            ours.lr,
            ours.beta1,
            ours.beta2,
            EPSILON,
        )
        assert (group["weight_decay"], group["amsgrad"], ours.clip_norm, ours.schedule) == (
            0,
            False,
            None,
            "constant",
        )


@every_model
def test_the_script_trains_and_measures_what_gensweep_measures(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of a trial, Tune aside: two epochs, a checkpoint each, and the test."""
    training, idiomatic, config = both(model, epochs=2)
    data = {split: few_arrays(model, split) for split in ("train", "validation", "test")}
    reported: list[dict[str, float]] = []
    stored: list[list[str]] = []

    def report(metrics: dict[str, float], checkpoint: Any = None) -> None:
        reported.append(metrics)
        stored.append(
            sorted(path.name for path in Path(checkpoint.path).iterdir()) if checkpoint else []
        )

    monkeypatch.setattr(idiomatic.tune, "report", report)
    monkeypatch.setattr(idiomatic.tune, "get_checkpoint", lambda: None)
    idiomatic.train(config, data)
    assert stored == [["checkpoint.pt"], ["checkpoint.pt"], []]
    ours = training.run_epoch()
    assert {name for name in reported[0] if name.startswith("train/")} <= ours.keys()
    shared = [name for name in compare.SHOWN if name in reported[-1]]
    assert shared and set(shared) <= training.test().keys()
    assert {name for name in reported[-1] if name != "seconds"} == set(shared), (
        "nothing measured is left out of the table"
    )
    assert reported[-1]["seconds"] > 0
    assert all(np.isfinite(value) for line in reported for value in line.values())


def test_the_scripts_import_nothing_of_gensweep() -> None:
    files = sorted((ROOT / "benchmarks" / "idiomatic").glob("*.py"))
    assert len(files) == 4
    for file in files:
        assert not re.search(r"^\s*(import|from) gensweep", file.read_text(), re.MULTILINE), (
            file.name
        )


def test_processes_get_no_threads_and_no_cluster_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*compare.THREADS, "RAY_ADDRESS"):
        monkeypatch.setenv(name, "7")
    environment = compare.clean_environment(tmp_path)
    assert not environment.keys() & {*compare.THREADS, "RAY_ADDRESS"}
    assert environment["GENSWEEP_CACHE"] == str(tmp_path / "cache")
    assert environment["PATH"]


def test_a_process_that_fails_ends_the_benchmark_and_says_why(tmp_path: Path) -> None:
    assert compare.timed([sys.executable, "-c", "pass"], {}) > 0
    with pytest.raises(compare.BenchmarkError, match=r"ended with 3:\nlast words\n"):
        compare.timed([sys.executable, "-c", "print('last words'); raise SystemExit(3)"], {})


# --- FLOPs


@every_model
@pytest.mark.parametrize("params", [{}, DEEP, {"batch_size": 5}], ids=["shallow", "deep", "batch"])
def test_flops_are_those_that_pytorch_counts(
    model: str, params: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for a product of one-hot text, forward and for its weights, which a step may do and need not."""
    monkeypatch.setenv(build.SWITCH, "0")  # PyTorch counts what it computes itself
    training = tiny.training(model, **params)
    take = training.batches.take
    fields = training.model.inputs  # glyphs that are seen again are read again, as the script does
    monkeypatch.setattr(
        training.batches,
        "take",
        lambda rows, glyphs: {field: get_glyphs(take(rows), field) for field in fields},
    )
    with FlopCounterMode(display=False) as counter:
        next(training.run_steps())
    needed = flops.step_flops(training.model)
    assert needed > 0
    one_hot = 0
    if "query" in training.model.inputs and model != "image_to_text":
        one_hot = 2 * (2 * training.model.batch_size * 5 * 13 * 4 * tiny.TINY[model]["hidden"])
    assert counter.get_total_flops() - needed in (0, one_hot)


def test_flops_of_flat_glyphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(build.SWITCH, "0")
    training = tiny.training("image_to_text", glyph_encoder="flat")
    with FlopCounterMode(display=False) as counter:
        next(training.run_steps())
    assert flops.step_flops(training.model) == counter.get_total_flops()


def test_flops_by_hand() -> None:
    """Batch 128, 256 units: 4 + 1 + 2 products [128, 256] x [256, 1024] and one [384, 256] x [256, 13], three times."""
    model = MODELS["text_to_text"]()
    assert isinstance(model, TrainingConfig) and model.batch_size == 128
    assert flops.step_flops(model) == 3 * (7 * 2 * 128 * 256 * 1024 + 2 * 384 * 256 * 13)


def test_lanes_gain_what_they_save() -> None:
    """Eight lanes in 20 ms, one alone in 5 ms: two points in the time of one."""
    gain = packs.Gain("tiny", 8, 0.005, 0.020)
    assert gain.ratio == 2.0
    cpu, gpu = packs.get_text([gain], [])
    assert cpu.splitlines()[-1].split("|")[1:-1] == [
        " tiny     ",
        "     8 ",
        "      5.00 ",
        "         20.0 ",
        " " * 28 + "2.00 ",
    ]
    assert "not measured" in gpu and "not measured" not in packs.get_text([gain], [gain])[1]


def test_both_sides_of_a_gain_take_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One alone takes batches [8], the lanes [3, 8]; of three batches an epoch the last one is left out."""
    point = tiny.point("text_to_text")
    monkeypatch.setattr(packs.array_cache, "load_arrays", lambda data: tiny.few(point))
    taken: list[tuple[int, ...]] = []
    take = Batches.take

    def counted(self: Batches, rows: torch.Tensor, *others: Any) -> dict[str, torch.Tensor]:
        taken.append(tuple(rows.shape))
        return take(self, rows, *others)

    monkeypatch.setattr(Batches, "take", counted)
    gain = packs._gain("tiny", point, 3, tiny.CPU, 0.0)
    assert (gain.what, gain.lanes) == ("tiny", 3) and gain.alone > 0 and gain.together > 0
    assert set(taken) == {(8,), (3, 8)}


@pytest.mark.parametrize("shape", [(300, 130), (4, 9)])
def test_the_plain_formula_is_the_same_update(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, right = muon.factor_plainly(matrix)
    torch.testing.assert_close(left @ right, orthogonalise(matrix), rtol=0, atol=1e-5)


def test_muon_is_timed_in_turn_on_all_three_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    plain: list[tuple[int, ...]] = []
    factor = muon.factor_plainly

    def counted(matrices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        plain.append(tuple(matrices.shape))
        return factor(matrices)

    monkeypatch.setattr(muon, "MODELS", ("text_to_text",))
    monkeypatch.setattr(muon, "RECIPE", {"hidden": 8, "train_fraction": 0.02, "batch_size": 64})
    monkeypatch.setattr(muon, "factor_plainly", counted)
    (costs,) = muon.measure(2, lambda line: None)
    assert len(costs.adam) == len(costs.muon) == len(costs.plain) == 2
    assert min(*costs.adam, *costs.muon, *costs.plain) > 0
    assert len(plain) == 3 * (2 + muon.WARM_UP_STEPS), "three matrices a step, on one side alone"
    known = muon.Costs("one", [1.0, 2.0, 1.0], [2.0, 4.0, 3.0], [4.0, 8.0, 9.0])
    cells = [cell.strip() for cell in muon.get_costs_table([known]).splitlines()[-1].split("|")]
    assert cells[2:-1] == ["1000.0", "3000.0", "8000.0", "2.00", "4.00"]


def test_a_matmul_has_a_rate_in_both_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "PRODUCTS", ((8, 8, 8),))
    rates = roofline.matmul_rates(seconds=0.0)
    assert rates.float32.keys() == rates.bfloat16.keys() == {(8, 8, 8)}


@pytest.mark.parametrize("model", ["text_to_text", "gan"])
def test_steps_of_both_sides_go_on_over_epochs(model: str, few: None) -> None:
    """Three batches an epoch, of them two full ones."""
    wanted = case(model)
    for side in (roofline._gensweep_steps(wanted), roofline._idiomatic_steps(wanted)):
        for _ in range(5):
            side()
    assert roofline.Step(wanted, "float32", 1.0, 2.0).flops > 0


# --- the command line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["everything"], "invalid choice"),
        (["--models", "cae,transformer"], "no model 'transformer'; there are text_to_text"),
        (["--rounds", "0"], "not a whole number of 1 or more"),
        (["--epochs", "two"], "not a whole number of 1 or more"),
        (["--points", "3"], "an even number"),
        (["--cores", "100000"], "this machine has"),
        (["overhead", "--models", "cae"], "--models does nothing for overhead"),
        (["packs", "--rounds", "3"], "--rounds does nothing for packs"),
        (["overhead", "--epochs", "3"], "--epochs does nothing for overhead"),
        (["overhead", "--points", "4"], "too few"),
        (["scaling", "--points", "4"], "too few"),
        (["scaling", "--models", "cae"], "--models does nothing for scaling"),
        (["muon", "--models", "cae"], "--models does nothing for muon"),
        (["roofline", "--rounds", "3"], "--rounds does nothing for roofline"),
        (["roofline", "--models", "cae", "--write"], "a roofline of all models"),
        (["--fast"], "unrecognized arguments"),
    ],
)
def test_bad_options_are_refused(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.checked(arguments)
    assert ended.value.code == 2
    assert reason in replace_surrogates(capsys.readouterr().err.replace("\n", " "))


def test_options_choose_the_cases() -> None:
    def models(*arguments: str) -> list[str]:
        return [one.model for one in command.cases(command.checked(arguments))]

    assert models() == models("roofline") == models("roofline", "--quick") == list(cases.MODELS)
    assert models("--quick") == ["text_to_text"], "the processes of six would take too long"
    assert models("--quick", "--models", "gan") == ["gan"]
    assert command.names(command.checked([])) == [*cases.MODELS, command.ROOFLINE]
    assert command.names(command.checked(["--quick"])) == ["text_to_text", "roofline"]
    assert command.names(command.checked(["--models", "gan"])) == ["gan"], (
        "a roofline has all models"
    )
    assert models("--models", "gan,text_to_image") == ["text_to_image", "gan"]
    (one,) = command.cases(
        command.checked(["--models", "cae", "--points", "6", "--epochs", "7", "--rounds", "5"])
    )
    assert (len(one.points()), one.params["epochs"], one.rounds) == (6, 7, 5)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ([], "full"),
        (["--quick"], "quick"),
        (["--models", "cae", "--rounds", "5"], "full"),
        (["--models", "cae", "--rounds", "1"], "quick"),
        (["--epochs", "1"], "quick"),
        (["overhead"], "full"),
        (["overhead", "--points", "50"], "quick"),
        (["scaling"], "full"),
        (["scaling", "--points", "500"], "quick"),
        (["overhead", "--rounds", "1"], "quick"),
        (["roofline"], "full"),
    ],
)
def test_smaller_settings_make_a_quick_run(arguments: list[str], kind: str) -> None:
    assert command.kind(command.checked(arguments)) == kind


def test_quick_results_never_replace_full_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "results.md"
    monkeypatch.setattr(pages.check_parts, "__defaults__", (page,))
    pages.write_parts({"cae": "full numbers"}, pages.FULL, command.ORDER, page)
    with pytest.raises(SystemExit) as ended:
        command.checked(["--quick", "--models", "cae", "--write"])
    assert ended.value.code == 2
    assert "has full results of cae" in capsys.readouterr().err
    assert command.checked(["--quick", "--models", "vae", "--write"]).write
    with pytest.raises(pages.PageError, match="full results of cae"):
        pages.write_parts({"cae": "quick numbers"}, pages.QUICK, command.ORDER, page)
    assert pages.parts(page.read_text())["cae"] == ("full", "full numbers\n")


# --- tables and the page


def test_a_table_lines_up() -> None:
    table = pages.markdown_table(["what", "s"], [["one", "1.5"], ["another", "20"]])
    assert table == "| what    |   s |\n| ------- | --: |\n| one     | 1.5 |\n| another |  20 |\n"
    with pytest.raises(ValueError, match="2 cells"):
        pages.markdown_table(["what", "s"], [["one"]])


def test_a_spread_is_minimum_median_and_maximum() -> None:
    assert pages.spread([3.0, 1.0, 2.25]) == "1 / 2.25 / 3"
    assert pages.spread([0.01234, 1234.5]) == "0.0123 / 617 / 1234"


def test_parts_of_a_page_are_replaced_one_by_one(tmp_path: Path) -> None:
    page, order = tmp_path / "results.md", ["vae", "cae", "gan"]
    pages.write_parts({"gan": "## gan\n\nquick"}, pages.QUICK, order, page)
    pages.write_parts({"cae": "## cae", "vae": "## vae"}, pages.QUICK, order, page)
    pages.write_parts({"gan": "## gan\n\nfull\n"}, pages.FULL, order, page)
    text = page.read_text()
    assert text.startswith("# Benchmarks\n") and text.endswith("full\n") and "quick\n" not in text
    assert re.findall(r"^## (\w+)", text, re.MULTILINE) == ["What", "vae", "cae", "gan"]
    assert {name: kind for name, (kind, _) in pages.parts(text).items()} == {
        "vae": "quick",
        "cae": "quick",
        "gan": "full",
    }
    with pytest.raises(ValueError, match="no place for cat"):
        pages.write_parts({"cat": ""}, pages.FULL, order, page)


def test_ratios_are_of_the_same_round() -> None:
    """20/10 and 30/40 whole, 4/2 and 3/2 a point; metrics of seeds 0 and 1, of each the mean over rounds."""

    def run(wall: float, seconds: float, losses: tuple[float, float]) -> compare.Run:
        points = [
            compare.Trained(1e-3, seed, seconds, {"test/loss": loss})
            for seed, loss in enumerate(losses)
        ]
        return compare.Run(wall, points)

    ours, theirs = (
        [run(10, 2, (1, 3)), run(40, 2, (1, 3))],
        [run(20, 4, (2, 2)), run(30, 3, (2, 2))],
    )
    result = compare.Comparison(case("cae"), ours, theirs)
    assert result.ratios(lambda one: one.wall) == [2.0, 0.75]
    assert result.ratios(lambda one: one.seconds) == [2.0, 1.5]
    complete, point = compare.times_table(result).splitlines()[2:]
    assert [cell.strip() for cell in complete.split("|")[2:5]] == [
        "10 / 25 / 40",
        "20 / 25 / 30",
        "0.75 / 1.38 / 2",
    ]
    assert [cell.strip() for cell in point.split("|")[2:5]] == [
        "2 / 2 / 2",
        "3 / 3.5 / 4",
        "1.5 / 1.75 / 2",
    ]
    (row,) = compare.metrics_table(result).splitlines()[2:]
    assert [cell.strip() for cell in row.split("|")[1:5]] == [
        "test/loss",
        "0.001",
        "2 ± 1.4",
        "2 ± 0",
    ]


def test_a_step_is_a_share_of_the_faster_product() -> None:
    """3 GFLOP in 0.1 s are 30 GFLOP/s: a quarter of 120, three quarters of 40."""
    wanted = cases.Case("text_to_text", {"epochs": 1}, (1e-3,))
    seconds = roofline.Step(wanted, "bfloat16", 1.0, 1.0).flops / 30e9
    step = roofline.Step(wanted, "bfloat16", seconds, 2 * seconds)
    rates = roofline.Rates({(1, 1, 1): 120.0, (2, 2, 2): 60.0}, {(1, 1, 1): 10.0, (2, 2, 2): 40.0})
    (row,) = roofline.steps_table(rates, [step]).splitlines()[2:]
    assert [cell.strip() for cell in row.split("|")][3:10] == [
        "bfloat16",
        f"{seconds * 1e3:.1f}",
        "30.0",
        "25%",
        "75%",
        f"{step.idiomatic * 1e3:.1f}",
        "2.00",
    ]


def test_a_cost_is_held_against_its_target() -> None:
    table = overhead.costs_table([
        overhead.Cost("kept", [1.0, 9.0, 1.0], 2.0),
        overhead.Cost("not kept", [3.0], 2.0), overhead.Cost("shown", [1.0]),
    ])  # fmt: skip
    assert [line.split("|")[-2].strip() for line in table.splitlines()[2:]] == ["yes", "NO", ""]


def test_the_slope_leaves_out_the_start() -> None:
    """Ten records a second apart on two cores, the first two late: two core-seconds each, whatever came before."""
    assert overhead._slope([50.0, 60.0, *np.arange(61.0, 69.0).tolist()], cores=2) == pytest.approx(
        2.0
    )


def test_trivial_points_of_the_file_are_those_of_the_test(tmp_path: Path) -> None:
    overhead._sweep(tmp_path, 12)
    points = read_sweep(tmp_path / "trivial.py").points()
    assert [point.id for point in points] == [point.id for point in overhead._trivial(12)]


def test_many_points_are_as_many_as_asked_for(tmp_path: Path) -> None:
    assert len(overhead._many(1000).points()) == 1000
    cost = overhead.ledger_reading(tmp_path, 200, rounds=2)
    assert len(cost.values) == 2 and cost.target == pytest.approx(10 * 200 / 100_000)


def test_the_published_page_is_one_that_the_writer_wrote() -> None:
    text = pages.FILE.read_text()
    assert text.startswith(pages.HEAD)
    assert set(pages.parts(text)) <= set(command.ORDER)
    assert pages.parts(text)

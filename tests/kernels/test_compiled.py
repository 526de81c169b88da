"""The kernels in C, against PyTorch's layers; where the library comes from, and what happens where there is none."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep import kernels
from gensweep.execute import warmup
from gensweep.kernels import bindings, build, conv_calls
from gensweep.nn.conv import ConvDown, ConvToRGB, ConvUp
from gensweep.nn.lstm import LSTM
from gensweep.system.environment import find_compiler

Layer = ConvDown | ConvUp | ConvToRGB
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=rng(seed))


def filled(layer: Layer, seed: int = 0) -> Layer:
    """With weights as large as those that training makes, of either sign; bfloat16 holds them."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_((normal(*parameter.shape, seed=seed) / 3).bfloat16())
    return layer


def by_pytorch(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What the layer computes, in double precision, of PyTorch's own functions."""
    x, weight, bias = (part.double() for part in (x, weight, bias))
    if isinstance(layer, ConvToRGB):
        return F.conv2d(x, weight, bias, padding=1)
    if isinstance(layer, ConvDown):
        sums = F.conv2d(x, weight, bias, stride=2, padding=1)
    else:
        sums = F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)
    return torch.where(sums > 0, sums, layer.slope * sums)


@dataclass(frozen=True)
class Precision:
    """What a layer computes in, and how much its sums of some hundred terms are rounded, as a share."""

    dtype: torch.dtype
    rounding: float

    def computing(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.dtype == torch.bfloat16)


PRECISIONS = (Precision(torch.float32, 1e-5), Precision(torch.bfloat16, 2.0**-7))
every_precision = pytest.mark.parametrize(
    "precision", PRECISIONS, ids=lambda precision: str(precision.dtype)[6:]
)


def close(result: Tensor, expected: Tensor, precision: Precision) -> None:
    """Within the rounding of the number itself, or of the largest that are added up."""
    largest = expected.abs().max().item() if expected.numel() else 0.0
    rounding = precision.rounding
    torch.testing.assert_close(
        result.double(),
        expected.double(),
        rtol=10 * rounding,
        atol=rounding * largest + rounding / 10,
    )


def check(
    layer: Layer, x: Tensor, precision: Precision = PRECISIONS[0], first: bool = False
) -> None:
    """Values, and the gradients of a random sum of them."""
    x = x.to(precision.dtype).float().contiguous(memory_format=form(x)).requires_grad_(not first)
    inputs = [x, layer.weight, layer.bias]
    with precision.computing():
        built = layer(x)
    expected = by_pytorch(layer, *inputs)
    close(built, expected, precision)
    weights, wanted = (
        normal(*built.shape, seed=2).to(precision.dtype),
        inputs[1:] if first else inputs,
    )
    result = torch.autograd.grad(built, wanted, weights)
    for one, other in zip(
        result, torch.autograd.grad(expected, wanted, weights.double()), strict=True
    ):
        assert one.dtype == torch.float32
        close(one, other, precision)


def form(x: Tensor) -> torch.memory_format:
    last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


LAYERS = {
    "halving": lambda: (ConvDown(20, 35, 0.2), (2, 20, 4, 6)),
    "halving, plain ReLU": lambda: (ConvDown(3, 16), (3, 3, 8, 36)),
    "halving, no activation": lambda: (ConvDown(1, 2, 1.0), (2, 1, 2, 2)),
    "halving pictures of three colours": lambda: (ConvDown(3, 33, 0.2), (2, 3, 6, 38)),
    "doubling": lambda: (ConvUp(35, 20, 0.2), (2, 35, 2, 3)),
    "doubling, plain ReLU": lambda: (ConvUp(16, 48), (3, 16, 3, 19)),
    "doubling to one channel": lambda: (ConvUp(17, 1, 1.0), (2, 17, 3, 5)),
    "doubling to few channels": lambda: (ConvUp(5, 3, 0.2), (2, 5, 1, 2)),
    "colours": lambda: (ConvToRGB(18, 3), (2, 18, 4, 7)),
    "two colours": lambda: (ConvToRGB(33, 2), (2, 33, 1, 1)),
    "many colours": lambda: (ConvToRGB(2, 40), (2, 2, 5, 19)),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


@every_layer
@pytest.mark.usefixtures("either_way")
class TestConvolutions:
    @every_precision
    @pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
    @pytest.mark.parametrize("first", [True, False], ids=["first layer", "any layer"])
    def test_equal_pytorchs_in_values_and_gradients(
        self, name: str, memory_format: torch.memory_format, first: bool, precision: Precision
    ) -> None:
        """Also where it is the first layer, so that its input needs no gradient."""
        layer, shape = LAYERS[name]()
        layer, x = (
            filled(layer).to(memory_format=memory_format),
            normal(*shape).to(memory_format=memory_format),
        )
        check(layer, x, precision, first)

    @pytest.mark.parametrize("way", ["autograd", "func"])
    def test_any_of_its_inputs_may_need_no_gradient(self, name: str, way: str) -> None:
        """As the weights of a judge, while the generator learns."""
        layer, shape = LAYERS[name]()
        inputs = normal(*shape), filled(layer).weight.detach(), layer.bias.detach()

        def loss(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
            return (
                torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))
                .square()
                .sum()
            )

        leaves = [part.clone().requires_grad_() for part in inputs]
        complete = torch.autograd.grad(loss(*leaves), leaves)
        for places in (places for size in (1, 2, 3) for places in combinations(range(3), size)):
            if way == "func":
                some = torch.func.grad(loss, places)(*inputs)
            else:
                parts = [
                    part.clone().requires_grad_(index in places)
                    for index, part in enumerate(inputs)
                ]
                some = torch.autograd.grad(loss(*parts), [parts[index] for index in places])
            for index, gradient in zip(places, some, strict=True):
                torch.testing.assert_close(gradient, complete[index], rtol=1e-6, atol=1e-6)

    def test_inputs_and_gradients_may_lie_anyhow(self, name: str) -> None:
        """Every other picture, one picture for all, one gradient for all places, a negative view."""
        layer, shape = LAYERS[name]()
        batch = normal(2 * shape[0], *shape[1:])
        for x in (
            batch[::2],
            batch[:1].expand(shape),
            batch.flip(-1)[: shape[0]].transpose(0, 1).transpose(0, 1),
        ):
            check(filled(layer), x)
            check(filled(layer), torch._neg_view(x))
        x = batch[: shape[0]].requires_grad_()
        built = layer(x)
        for gradient in (
            torch.ones(()).expand(built.shape),
            torch._neg_view(torch.ones(built.shape)),
        ):
            dense = gradient.resolve_neg().contiguous()
            expected = torch.autograd.grad(built, x, dense, retain_graph=True)
            torch.testing.assert_close(
                torch.autograd.grad(built, x, gradient, retain_graph=True), expected
            )

    def test_no_picture_at_all(self, name: str) -> None:
        layer, shape = LAYERS[name]()
        x = torch.zeros(0, *shape[1:]).requires_grad_()
        built = filled(layer)(x)
        assert built.shape[0] == 0 and built.shape[1:] == layer(torch.zeros(shape)).shape[1:]
        assert not torch.autograd.grad(built.sum(), layer.weight)[0].any()

    @pytest.mark.parametrize("shared", ["nothing", "input", "weights"])
    def test_lanes_equal_each_layer_alone(self, name: str, shared: str) -> None:
        """`vmap` over stacked weights and inputs, or either; the gradient is taken of all lanes at once."""
        layer, shape = LAYERS[name]()
        lanes = [
            [
                normal(*part.shape, seed=index + (0 if shared == kind else 10 * lane)) / 3
                for index, (part, kind) in enumerate(
                    [
                        (torch.empty(shape), "input"),
                        (layer.weight, "weights"),
                        (layer.bias, "weights"),
                    ]
                )
            ]
            for lane in range(3)
        ]

        def run(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
            return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

        dims = tuple(None if shared == kind else 0 for kind in ("input", "weights", "weights"))
        stacked = [torch.stack(parts) for parts in zip(*lanes, strict=True)]
        inputs = [part if dim == 0 else part[0] for part, dim in zip(stacked, dims, strict=True)]
        inputs = [part.clone().requires_grad_() for part in inputs]
        built = torch.func.vmap(run, dims)(*inputs)
        alone = [[part.clone().requires_grad_() for part in lane] for lane in lanes]
        expected = [run(*parts) for parts in alone]
        torch.testing.assert_close(built, torch.stack(expected), rtol=1e-5, atol=1e-5)
        wanted = [
            torch.autograd.grad(e.square().sum(), parts)
            for e, parts in zip(expected, alone, strict=True)
        ]
        result = torch.autograd.grad(built.square().sum(), inputs)
        for index, gradient in enumerate(result):
            each = torch.stack([gradients[index] for gradients in wanted])
            total = each if dims[index] == 0 else each.sum(0)
            torch.testing.assert_close(
                gradient, total, rtol=1e-4, atol=1e-5 * total.abs().max().item()
            )

    def test_many_gradients_of_one_pass_equal_each_alone(self, name: str) -> None:
        """`jacrev` batches the gradients over what the pass kept, which has no such axis."""
        layer, shape = LAYERS[name]()
        inputs = normal(*shape), filled(layer).weight.detach(), layer.bias.detach()

        def sums(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
            return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,)).sum(
                (0, 2, 3)
            )

        result = torch.func.jacrev(sums, (0, 1, 2))(*inputs)
        for channel in range(len(layer.bias)):
            leaves = [part.clone().requires_grad_() for part in inputs]
            alone = torch.autograd.grad(sums(*leaves)[channel], leaves)
            for many, one in zip(result, alone, strict=True):
                torch.testing.assert_close(many[channel], one, rtol=1e-4, atol=1e-4)

    def test_autocast_gives_bfloat16_and_float32_gradients(self, name: str) -> None:
        layer, shape = LAYERS[name]()
        with torch.autocast("cpu", torch.bfloat16):
            built = filled(layer)(normal(*shape))
        built.float().square().sum().backward()
        assert (built.dtype, layer.weight.grad.dtype) == (torch.bfloat16, torch.float32)

    def test_what_is_not_a_number_shows(self, name: str) -> None:
        layer, shape = LAYERS[name]()
        x = normal(*shape)
        x[0, 0, -1, -1] = torch.nan
        built = filled(layer)(x)
        assert built[0].isnan().any() and not built[1:].isnan().any()

    def test_another_number_of_channels_is_refused(self, name: str) -> None:
        layer, shape = LAYERS[name]()
        with pytest.raises(ValueError, match=rf"do not fit: \[B, {shape[1]}, H, W\]"):
            layer(torch.zeros(2, shape[1] + 1, *shape[2:]))
        for other in (shape[1:], (*shape[:2], 0, 4)):
            with pytest.raises(ValueError, match="do not fit"):
                layer(torch.zeros(other))

    def test_another_precision_than_the_weights_is_refused_but_within_autocast(
        self, name: str
    ) -> None:
        layer, shape = LAYERS[name]()
        x = normal(*shape).bfloat16()
        for one, inputs in (
            (layer, x),
            (LAYERS[name]()[0].bfloat16(), x.float()),
            (layer, x.byte()),
        ):
            with pytest.raises(RuntimeError, match=r"should be the same|not implemented"):
                one(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(x).dtype == layer(x.float()).dtype == torch.bfloat16

    def test_double_precision_stays_so_within_autocast(self, name: str) -> None:
        layer, shape = LAYERS[name]()
        with torch.autocast("cpu", torch.bfloat16):
            assert layer.double()(normal(*shape).double()).dtype == torch.float64

    def test_shapes_are_known_without_data(self, name: str) -> None:
        layer, shape = LAYERS[name]()
        built = layer(torch.zeros(shape))
        assert layer.to("meta")(torch.zeros(shape, device="meta")).shape == built.shape

    def test_a_gradient_that_is_not_a_number_shows(self, name: str) -> None:
        """Also where an activation is none, of which no side of a ReLU can be told."""
        layer, shape = LAYERS[name]()
        layer(torch.full(shape, torch.nan)).sum().backward()
        assert layer.bias.grad.abs().sum() > 0
        built = filled(layer)(normal(*shape))
        (result,) = torch.autograd.grad(built, layer.weight, torch.full_like(built, torch.nan))
        assert result.isnan().any()


@pytest.mark.usefixtures("either_way")
class TestRefused:
    @pytest.mark.parametrize("sides", [(3, 4), (4, 5)])
    def test_an_odd_side_is_not_halved(self, sides: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="odd side"):
            ConvDown(2, 2)(torch.zeros(1, 2, *sides))

    @pytest.mark.parametrize("layer", [ConvDown, ConvUp])
    @pytest.mark.parametrize("slope", [-0.1, float("nan")])
    def test_a_negative_slope(self, layer: type[ConvDown] | type[ConvUp], slope: float) -> None:
        """Of what it makes, the sign of the sums could not be told."""
        with pytest.raises(ValueError, match=f"slope {slope:g}"):
            layer(2, 2, slope)


@needs_compiler
class TestKernels:
    @every_layer
    @every_precision
    @pytest.mark.parametrize("budget", [1, 3000])
    def test_equal_pytorchs_a_band_or_a_group_at_a_time(
        self, name: str, budget: int, precision: Precision, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As little as a row of a picture, or some pictures, the last of them fewer."""
        monkeypatch.setattr(conv_calls, "_CACHE_WORDS", budget)
        layer, shape = LAYERS[name]()
        check(filled(layer), normal(7, shape[1], 3 * shape[2], shape[3]), precision)

    @pytest.mark.parametrize("layer", [ConvToRGB(2, 3), ConvUp(2, 3), ConvDown(2, 3)])
    def test_pictures_may_be_wider_than_a_stack(self, layer: Layer) -> None:
        """Eight megabytes are common."""
        check(filled(layer), normal(1, 2, 2, 40_000))

    def test_what_would_be_written_to_a_copy_is_refused(self) -> None:
        shape = conv_calls.make_shape(1, 2, 2, 4, 4)
        weights = conv_calls.pack_down(torch.zeros(4, 4, 3, 3), 2, torch.float32)
        pictures = torch.zeros(1, 4, 4, 4)
        with pytest.raises(ValueError, match="small is not laid out as conv writes it"):
            conv_calls.call_conv(
                "conv",
                shape,
                torch.float32,
                large=pictures,
                small=pictures[..., :2, :2],
                weights=weights,
            )

    @pytest.mark.skipif(platform.machine() != "x86_64", reason="flags of x86")
    @every_precision
    @pytest.mark.parametrize(
        ("flags", "lanes"),
        [("-march=native -mno-avx512bf16", 0), ("-march=haswell", 8), ("-march=x86-64", 4)],
        ids=["no products of bfloat16", "8 lanes", "4 lanes"],
    )
    @pytest.mark.slow
    def test_equal_pytorchs_on_lesser_processors(
        self,
        flags: str,
        lanes: int,
        precision: Precision,
        fresh: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """As on those without AVX-512, and without AVX."""
        if lanes == 8 and "avx2" not in Path("/proc/cpuinfo").read_text():
            pytest.skip("a processor without AVX2")
        monkeypatch.setattr(build, "_MACHINES", [flags.split()])
        assert kernels.is_available(torch.zeros(1, dtype=precision.dtype))
        assert not lanes or bindings.get_vector_floats(precision.dtype) == lanes
        for make in LAYERS.values():
            layer, shape = make()
            check(filled(layer), normal(*shape), precision)
        layer, reference = LSTM(3, 40), nn.LSTM(3, 40)
        layer.load_state_dict(
            {"weight_ih": normal(160, 3), "weight_hh": normal(160, 40) / 6, "bias": normal(160)}
        )
        ours = [layer.weight_ih, layer.weight_hh, layer.bias, torch.zeros(160)]
        for mine, theirs in zip(ours, reference.parameters(), strict=True):
            theirs.data.copy_(mine)
        with precision.computing():
            states = layer(normal(4, 12, 3))
        expected = reference(normal(4, 12, 3))[0]
        assert states.dtype == precision.dtype
        torch.testing.assert_close(states.float(), expected, rtol=0, atol=5 * precision.rounding)
        weights = normal(*states.shape, seed=2).to(precision.dtype)
        result = torch.autograd.grad(states, list(layer.parameters()), weights)
        wanted = torch.autograd.grad(expected, list(reference.parameters())[:3], weights.float())
        for mine, theirs in zip(result, wanted, strict=True):
            close(mine, theirs, Precision(precision.dtype, 4 * precision.rounding))

    @pytest.mark.slow
    @pytest.mark.skipif(
        platform.machine() != "x86_64" or platform.system() != "Linux",
        reason="flags of x86, libasan",
    )
    @pytest.mark.parametrize(
        "flags",
        ["-march=native -mprefer-vector-width=512", "-march=haswell", "-march=x86-64"],
        ids=["16 lanes or fewer", "8 lanes", "4 lanes"],
    )
    def test_read_and_write_no_other_address(self, flags: str, cache: Path) -> None:
        """AddressSanitizer sees each access beyond an array."""
        command = find_compiler() or []
        libraries = [
            subprocess.run(
                [*command, f"-print-file-name={name}.so"], capture_output=True, text=True
            ).stdout.strip()
            for name in ("libasan", "libstdc++")
        ]
        if not all(Path(library).is_absolute() for library in libraries):
            pytest.skip("no AddressSanitizer")
        if "haswell" in flags and "avx2" not in Path("/proc/cpuinfo").read_text():
            pytest.skip("a processor without AVX2")
        environment = {
            **os.environ,
            "LD_PRELOAD": " ".join(libraries),
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        call = [sys.executable, "-m", "tests.helpers.overruns", *flags.split()]
        done = subprocess.run(
            call, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def test_second_derivatives_are_refused(self) -> None:
        for layer in (ConvDown(2, 2), ConvUp(2, 2), ConvToRGB(2, 2)):
            x = normal(1, 2, 4, 4).requires_grad_()
            (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
            with pytest.raises(NotImplementedError, match="second derivatives"):
                torch.autograd.grad(slope.sum(), x)

    def test_serve_two_precisions_in_one_thread_of_a_cpu(self) -> None:
        assert kernels.is_available(torch.zeros(1)) and kernels.is_available(
            torch.zeros(1).bfloat16()
        )
        assert not kernels.is_available(torch.zeros(1).double()) and not kernels.is_available(
            torch.zeros(1).half()
        )
        assert not kernels.is_available(torch.zeros(1, device="meta"))

    def test_a_layer_computes_in_an_autocasts_precision(self) -> None:
        for requested in (torch.bfloat16, torch.float16):
            with torch.autocast("cpu", requested):
                assert kernels.to_product_dtype(torch.zeros(1)).dtype == requested
                assert kernels.to_product_dtype(torch.zeros(1).double()).dtype == torch.float64
                assert kernels.to_product_dtype(torch.zeros(1).byte()).dtype == torch.uint8
        assert kernels.to_product_dtype(torch.zeros(1)).dtype == torch.float32
        torch.set_num_threads(2)
        try:
            assert not kernels.is_available(torch.zeros(1))
        finally:
            torch.set_num_threads(1)


@pytest.fixture
def fresh(cache: Path) -> Iterator[Path]:
    """A cache without a library; what the process has loaded is forgotten, before and after."""
    build.load_library.cache_clear()
    yield cache / "compiled"
    build.load_library.cache_clear()


@pytest.fixture
def quick(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `fresh`, with libraries that are compiled without optimization, in a fifth of the time."""
    monkeypatch.setattr(build, "_FLAGS", ("-O0", "-shared", "-fPIC"))
    return fresh


@needs_compiler
class TestABI:
    def test_a_library_exports_nothing_but_what_has_our_prefix(self) -> None:
        """Other names could meet those of another library in the process."""
        nm = shutil.which("nm")
        if nm is None:
            pytest.skip("no nm")
        assert kernels.is_available(torch.zeros(1))
        library = build.load_library("float32")
        assert library is not None
        lines = subprocess.run(
            [nm, "-D", "--defined-only", library._name], capture_output=True, text=True
        ).stdout
        names = {line.split()[-1] for line in lines.splitlines() if line.split()[-2] == "T"} - {
            "_init",
            "_fini",
        }
        assert names == set(build._FUNCTIONS)

    @pytest.mark.parametrize(
        ("path", "before", "after", "name"),
        [
            (
                "conv.c",
                "word *scratchpad;\n} conv_arrays",
                "word *scratchpad, *more;\n} conv_arrays",
                "conv",
            ),
            ("lstm.c", "const int64_t *firsts;", "const int64_t *firsts, *lasts;", "lstm"),
            ("packing.h", "FEW_CHANNELS = 3", "FEW_CHANNELS = 2", "conv"),
        ],
        ids=["a struct of addresses", "a struct of sizes", "a constant"],
    )
    def test_a_library_that_differs_from_the_bindings_is_not_used(
        self, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        path: str, before: str, after: str, name: str,
    ) -> None:  # fmt: skip
        """PyTorch computes, and one warning says why."""
        sources = tmp_path / "csrc"
        shutil.copytree(build._FOLDER, sources)
        text = (sources / path).read_text()
        assert before in text
        (sources / path).write_text(text.replace(before, after))
        for files in ("_SOURCES", "_HEADERS"):
            monkeypatch.setattr(
                build, files, [sources / file.name for file in getattr(build, files)]
            )
        layer, x = filled(ConvDown(2, 3)), normal(1, 2, 4, 4)
        for _ in range(2):
            assert not kernels.is_available(x)
            expected = F.conv2d(x, layer.weight, layer.bias, stride=2, padding=1).relu()
            assert torch.equal(layer(x), expected)
        (message,) = [
            record.getMessage() for record in caplog.records if record.levelname == "WARNING"
        ]
        assert f"do not fit bindings.py: gensweep_{name}_abi" in message


class TestCompiling:
    @staticmethod
    def serves() -> bool:
        return kernels.is_available(torch.zeros(1))

    @needs_compiler
    @pytest.mark.slow
    def test_once_a_kind_of_processor(self, quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for processor in ("one", "one", "another"):
            monkeypatch.setattr(build, "describe_processor", lambda processor=processor: processor)
            build.load_library.cache_clear()
            assert self.serves()
            written = {path: path.stat().st_mtime_ns for path in quick.glob("*.so")}
            if processor == "one":
                first = written
        assert len(written) == 2 and first.items() <= written.items()

    @pytest.mark.parametrize(
        "command", ["false", "true", "no-such-compiler", "cc --no-such-flag", "cc -c", 'cc "']
    )
    def test_goes_without_where_it_fails(
        self, fresh: Path, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        monkeypatch.setenv("CC", command)
        assert not self.serves() and not list(fresh.glob("*.so"))
        for make in LAYERS.values():
            layer, shape = make()
            x = normal(*shape)
            expected = by_pytorch(filled(layer), x, layer.weight, layer.bias)
            torch.testing.assert_close(layer(x), expected.float(), rtol=1e-4, atol=1e-5)

    @needs_compiler
    def test_a_compiler_that_is_killed_is_not_asked_for_less(
        self, fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What it made without this processor's instructions would be kept."""
        killed = tmp_path / "killed"
        killed.write_text(f'#!/bin/sh\necho asked >> "{tmp_path}/asked"\nkill -9 $$\n')
        killed.chmod(0o755)
        monkeypatch.setenv("CC", str(killed))
        assert not self.serves() and not list(fresh.glob("*.so"))
        assert (tmp_path / "asked").read_text() == "asked\n"

    @needs_compiler
    @pytest.mark.slow
    def test_a_compiler_may_say_anything(
        self, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        talking, command = tmp_path / "talking", find_compiler() or []
        talking.write_text(f"#!/bin/sh\nprintf '\\351' >&2\nexec {command[0]} \"$@\"\n")
        talking.chmod(0o755)
        monkeypatch.setenv("CC", str(talking))
        assert self.serves()

    def test_goes_without_where_nothing_can_be_kept(self, fresh: Path) -> None:
        fresh.parent.parent.mkdir(exist_ok=True)
        fresh.parent.write_text("a file where the cache folder should be")
        assert not self.serves()

    @needs_compiler
    @pytest.mark.parametrize(
        ("requested", "likely", "built"),
        [
            (["float32"], True, {"float32"}),
            (["auto"], True, {"bfloat16"}),
            (["auto"], False, {"float32"}),
            (["auto", "bfloat16", "bfloat16"], False, {"float32", "bfloat16"}),
        ],
    )
    @pytest.mark.slow
    def test_a_run_compiles_what_its_points_lack(
        self,
        quick: Path,
        monkeypatch: pytest.MonkeyPatch,
        requested: list[str],
        likely: bool,
        built: set[str],
    ) -> None:
        monkeypatch.setattr(warmup, "has_bfloat16_instructions", lambda: likely)
        points = [tiny.point("cae", precision=precision) for precision in requested]
        monkeypatch.setenv(build.SWITCH, "0")
        assert not warmup.compile_kernels_in_background(points).is_alive() and not quick.exists()
        monkeypatch.setenv(build.SWITCH, "1")
        warmup.compile_kernels_in_background(points).join()
        stored = set(quick.glob("*.so"))
        assert len(stored) == len(built)
        assert (
            all(build.load_library(precision) for precision in built)
            and set(quick.glob("*.so")) == stored
        )

    @needs_compiler
    def test_goes_without_where_it_cannot_be_loaded(
        self, fresh: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As where the cache folder lies on a disk that forbids running what is on it."""
        monkeypatch.setattr(build, "_compile", lambda *inputs: b"no library")
        assert not self.serves()

    @needs_compiler
    @pytest.mark.skipif(os.name == "nt", reason="owners and modes are Unix's")
    @pytest.mark.parametrize(
        "planted", ["file of another", "open file", "folder of another", "file in an open folder"]
    )
    @pytest.mark.slow
    def test_a_library_that_others_can_have_written_is_not_loaded(
        self,
        quick: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        planted: str,
    ) -> None:
        """It loads only where nobody else can have put it there; else PyTorch computes, and the log says why."""
        assert self.serves()
        (path,) = quick.glob("*.so")
        assert (path.stat().st_mode & 0o777, quick.stat().st_mode & 0o777) == (0o600, 0o700)
        build.load_library.cache_clear()
        if planted == "open file":
            path.chmod(0o666)
        elif (
            planted == "file in an open folder"
        ):  # it is ours, and so is the file: the folder is closed again
            quick.chmod(0o777)
        elif os.geteuid():
            pytest.skip("only root gives files away")
        else:
            os.chown(path if planted == "file of another" else quick, 12345, -1)
        assert self.serves() == (planted == "file in an open folder")
        if planted == "file in an open folder":
            assert quick.stat().st_mode & 0o777 == 0o755
        else:
            why = (
                "can be written by users other than its owner"
                if planted == "open file"
                else "belongs to another user (number 12345)"
            )
            assert "PyTorch computes everything" in caplog.text and why in caplog.text
            assert "set GENSWEEP_CACHE to another folder" in caplog.text

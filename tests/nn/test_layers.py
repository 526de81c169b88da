"""The layers that models are built of, against independent formulas."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

import gensweep
from gensweep import kernels
from gensweep.core.alphabet import encode
from gensweep.kernels import Trie, bindings, lstm_calls
from gensweep.nn.glyph_codec import GlyphDecoder, GlyphEncoder, apply_affine, join_glyphs
from gensweep.nn.init import init_weights
from gensweep.nn.lstm import LSTM, EncoderDecoder
from gensweep.nn.picture_codec import PictureDecoder, PictureEncoder, interleave
from gensweep.nn.text_head import collect_answer_outputs, compute_answer_loss, format_answer

INPUTS, HIDDEN, BATCH, TIME = 5, 7, 3, 4


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ours(inputs: int = INPUTS, hidden: int = HIDDEN, seed: int = 0) -> LSTM:
    layer = LSTM(inputs, hidden)
    init_weights(layer, "torch", rng(seed))
    return layer


def theirs(layers: list[LSTM]) -> nn.LSTM:
    """PyTorch's LSTM with the same weights; its second bias is zero."""
    reference = nn.LSTM(layers[0].weight_ih.shape[1], layers[0].hidden, num_layers=len(layers))
    with torch.no_grad():
        for index, layer in enumerate(layers):
            for name in ("weight_ih", "weight_hh"):
                getattr(reference, f"{name}_l{index}").copy_(getattr(layer, name))
            getattr(reference, f"bias_ih_l{index}").copy_(layer.bias)
            getattr(reference, f"bias_hh_l{index}").zero_()
    return reference


class Wayward(nn.Module):
    """A layer that is given its input in one of its ways."""

    def __init__(self, layer: LSTM, way: str) -> None:
        super().__init__()
        self.layer, self.way = layer, way

    def forward(self, inputs: Tensor) -> Tensor:
        return getattr(self.layer, self.way)(
            inputs, *([TIME] if self.way == "forward_repeated" else [])
        )


@pytest.mark.usefixtures("either_way")
class TestLSTM:
    @pytest.mark.parametrize(
        "way",
        ["forward", "forward_tokens", "forward_token_nodes", "forward_nodes", "forward_repeated"],
    )
    def test_equals_pytorchs_in_values_and_gradients(self, way: str) -> None:
        """Each way of giving the input, against `nn.LSTM` on that input written out step by step."""
        layer = ours()
        reference = theirs([layer])
        if way == "forward":
            sequence = torch.randn(TIME, BATCH, INPUTS, generator=rng(1))
            states = layer(sequence)
        elif way == "forward_tokens":
            codes = torch.randint(INPUTS, (TIME, BATCH), generator=rng(1))
            sequence = nn.functional.one_hot(codes, INPUTS).float()
            states = layer.forward_tokens(codes)
        elif "nodes" in way:
            codes = torch.randint(2, (TIME, BATCH), generator=rng(1))
            trie = Trie.from_sequences(codes.T)
            paths = trie.list_paths()[:, trie.leaves]
            inputs = torch.randn(len(trie.codes), INPUTS, generator=rng(1))
            sequence = (
                inputs[paths]
                if way == "forward_nodes"
                else nn.functional.one_hot(codes, INPUTS).float()
            )
            states = (
                layer.forward_nodes(inputs, trie)
                if way == "forward_nodes"
                else layer.forward_token_nodes(trie)
            )[paths]
        else:
            once = torch.randn(BATCH, INPUTS, generator=rng(1))
            sequence = once.expand(TIME, BATCH, INPUTS)
            states = layer.forward_repeated(once, TIME)
        expected, _ = reference(sequence)
        torch.testing.assert_close(states, expected)
        weights = torch.randn(states.shape, generator=rng(2))
        (states * weights).sum().backward()
        (expected * weights).sum().backward()
        for name in ("weight_ih", "weight_hh"):
            torch.testing.assert_close(
                getattr(layer, name).grad, getattr(reference, f"{name}_l0").grad
            )
        torch.testing.assert_close(layer.bias.grad, reference.bias_ih_l0.grad)

    def test_in_bfloat16_equals_float32_but_for_rounding(self) -> None:
        """Values within 1, and sums of gradients, with three digits."""
        inputs = [
            torch.randn(TIME, BATCH, 4 * HIDDEN, generator=rng(1)),
            torch.randn(4 * HIDDEN, HIDDEN, generator=rng(2)),
        ]
        inputs[1] /= HIDDEN**0.5
        result = []
        for dtype in (torch.float32, torch.bfloat16):
            parts = [part.bfloat16().to(dtype).requires_grad_() for part in inputs]
            states = kernels.lstm(*parts)
            assert states.dtype == dtype
            gradients = torch.autograd.grad(states.float().square().sum(), parts)
            result.append([part.float() for part in (states, *gradients)])
        for exact, rounded in zip(*result, strict=True):
            torch.testing.assert_close(
                rounded, exact, rtol=0, atol=2**-6 * exact.abs().max().item()
            )
            assert not torch.equal(rounded, exact)

    @pytest.mark.parametrize("way", ["forward", "forward_tokens", "forward_repeated"])
    def test_lanes_recur_in_bfloat16_too(self, way: str) -> None:
        """Where `vmap` adds a projection's bias in float32."""
        layer = Wayward(ours(), way)
        stacked = {
            name: torch.stack([part.detach()] * 2) for name, part in layer.named_parameters()
        }
        shape = {
            "forward": (TIME, BATCH, INPUTS),
            "forward_tokens": (TIME, BATCH),
            "forward_repeated": (BATCH, INPUTS),
        }[way]
        inputs = torch.ones(shape, dtype=torch.int64 if way == "forward_tokens" else torch.float32)
        with torch.autocast("cpu", torch.bfloat16):
            lanes = torch.func.vmap(
                lambda params: torch.func.functional_call(layer, params, (inputs,))
            )(stacked)
            alone = layer(inputs)
        assert lanes.dtype == alone.dtype == torch.bfloat16
        torch.testing.assert_close(lanes[1].float(), alone.float(), rtol=0, atol=2**-6)

    def test_passes_gradients_to_its_input(self) -> None:
        layer = ours()
        sequences = [
            torch.randn(TIME, BATCH, INPUTS, generator=rng(1)).requires_grad_() for _ in range(2)
        ]
        layer(sequences[0])[-1].square().sum().backward()
        theirs([layer])(sequences[1])[0][-1].square().sum().backward()
        torch.testing.assert_close(sequences[0].grad, sequences[1].grad)

    def test_its_gradient_is_that_of_small_differences(self) -> None:
        """Also of one step alone, and where only the last state counts."""
        batch, hidden = 2, 3  # every number is moved on its own
        for time in (1, 3):
            projected = torch.randn(
                time, batch, 4 * hidden, generator=rng(1), dtype=torch.float64
            ).requires_grad_()
            weight = torch.randn(
                4 * hidden, hidden, generator=rng(2), dtype=torch.float64
            ).requires_grad_()
            torch.autograd.gradcheck(kernels.lstm, (projected, weight))
            torch.autograd.gradcheck(lambda *inputs: kernels.lstm(*inputs)[-1], (projected, weight))

    @pytest.mark.parametrize("shared", ["nothing", "input", "weights"])
    @pytest.mark.parametrize("way", ["forward", "forward_tokens", "forward_repeated"])
    def test_lanes_equal_each_layer_alone(self, way: str, shared: str) -> None:
        """`vmap` over stacked weights and inputs, or either; the gradient is taken of all lanes at once."""
        layers = [ours(seed=0 if shared == "weights" else lane) for lane in range(2)]
        shape = {
            "forward": (TIME, BATCH, INPUTS),
            "forward_tokens": (TIME, BATCH),
            "forward_repeated": (BATCH, INPUTS),
        }[way]
        inputs = [
            torch.rand(shape, generator=rng(0 if shared == "input" else lane)) for lane in range(2)
        ]
        if way == "forward_tokens":
            inputs = [(value * INPUTS).long() for value in inputs]

        def run(params: dict[str, Tensor], value: Tensor) -> Tensor:
            return torch.func.functional_call(Wayward(layers[0], way), params, (value,))

        alone = [dict(Wayward(layer, way).named_parameters()) for layer in layers]
        expected = [run(params, value) for params, value in zip(alone, inputs, strict=True)]
        wanted = [
            torch.autograd.grad(s.square().sum(), list(p.values()))
            for s, p in zip(expected, alone, strict=True)
        ]
        stacked = {
            name: torch.stack([params[name].detach() for params in alone]) for name in alone[0]
        }
        params = {
            n: (p[0] if shared == "weights" else p).clone().requires_grad_()
            for n, p in stacked.items()
        }
        dims = (None if shared == "weights" else 0, None if shared == "input" else 0)
        states = torch.func.vmap(run, dims)(
            params, inputs[0] if shared == "input" else torch.stack(inputs)
        )
        torch.testing.assert_close(states, torch.stack(expected), rtol=0, atol=1e-5)
        result = torch.autograd.grad(states.square().sum(), list(params.values()))
        for index, gradient in enumerate(result):
            each = torch.stack([gradients[index] for gradients in wanted])
            torch.testing.assert_close(
                gradient, each.sum(0) if shared == "weights" else each, rtol=1e-5, atol=1e-5
            )

    @pytest.mark.parametrize("way", ["forward", "forward_tokens", "forward_repeated"])
    def test_autocast_gives_bfloat16_and_float32_gradients(self, way: str) -> None:
        layer = ours()
        shape = {
            "forward": (TIME, BATCH, INPUTS),
            "forward_tokens": (TIME, BATCH),
            "forward_repeated": (BATCH, INPUTS),
        }[way]
        inputs = torch.rand(shape, generator=rng(1))
        inputs = (inputs * INPUTS).long() if way == "forward_tokens" else inputs
        with torch.autocast("cpu", torch.bfloat16):
            states = Wayward(layer, way)(inputs)
        torch.testing.assert_close(states.float(), Wayward(layer, way)(inputs), rtol=0, atol=0.02)
        states.float().square().sum().backward()
        assert (states.dtype, layer.weight_hh.grad.dtype) == (torch.bfloat16, torch.float32)

    def test_a_gradient_is_the_same_within_autocast(self) -> None:
        projected = torch.randn(TIME, BATCH, 4 * HIDDEN, generator=rng(1)).requires_grad_()
        weight = torch.randn(4 * HIDDEN, HIDDEN, generator=rng(2)).requires_grad_()
        result = []
        for within in (False, True):
            states = kernels.lstm(projected, weight)
            with torch.autocast("cpu", torch.bfloat16, enabled=within):
                result.append(torch.autograd.grad(states.square().sum(), projected)[0])
        torch.testing.assert_close(*result)

    def test_many_gradients_of_one_pass_equal_each_alone(self) -> None:
        """`jacrev` batches the gradients over what the pass kept, which has no such axis."""
        inputs = (
            torch.randn(TIME, BATCH, 4 * HIDDEN, generator=rng(1)),
            torch.randn(28, HIDDEN, generator=rng(2)),
        )
        result = torch.func.jacrev(lambda *value: kernels.lstm(*value)[-1].sum(0), (0, 1))(*inputs)
        for unit in range(HIDDEN):
            leaves = [value.clone().requires_grad_() for value in inputs]
            alone = torch.autograd.grad(kernels.lstm(*leaves)[-1].sum(0)[unit], leaves)
            for many, one in zip(result, alone, strict=True):
                torch.testing.assert_close(many[unit], one, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize(
        ("projected", "weight"),
        [((4, 3, 20), (20, 6)), ((1, 3, 20), (20, 20)), ((2, 3, 12), (20, 5)), ((4, 20), (20, 5))],
    )
    def test_shapes_that_do_not_fit_are_refused(
        self, projected: tuple[int, ...], weight: tuple[int, ...]
    ) -> None:
        with pytest.raises(ValueError, match=r"are not \[T, B, 4H\] and \[4H, H\]"):
            kernels.lstm(torch.zeros(projected), torch.zeros(weight))

    @pytest.mark.parametrize(("batch", "hidden"), [(0, HIDDEN), (BATCH, 1), (BATCH, 17)])
    def test_takes_any_size(self, batch: int, hidden: int) -> None:
        layer = ours(INPUTS, hidden)
        sequence = torch.randn(TIME, batch, INPUTS, generator=rng(1)).requires_grad_()
        (gradient,) = torch.autograd.grad(layer(sequence).sum(), sequence)
        assert gradient.shape == sequence.shape and bool(gradient.any()) == bool(batch)
        if batch:
            torch.testing.assert_close(layer(sequence), theirs([layer])(sequence)[0])

    @pytest.mark.parametrize(("encoders", "decoders"), [(1, 1), (2, 3)])
    @pytest.mark.parametrize("tokens", [True, False])
    def test_encoder_decoder_repeats_the_last_state(
        self, encoders: int, decoders: int, tokens: bool
    ) -> None:
        network = EncoderDecoder(INPUTS, HIDDEN, encoders, decoders, steps=3)
        init_weights(network, "keras", rng())
        codes = torch.randint(INPUTS, (BATCH, TIME), generator=rng(1))
        one_hot = nn.functional.one_hot(codes, INPUTS).float()
        query = codes if tokens else one_hot
        encoder, decoder = theirs(list(network.encoder)), theirs(list(network.decoder))  # type: ignore[arg-type]
        _, (last, _) = encoder(one_hot.transpose(0, 1))
        expected, _ = decoder(last[-1].expand(3, BATCH, HIDDEN))
        torch.testing.assert_close(network(query), expected.transpose(0, 1))

    @pytest.mark.parametrize("layers", [1, 3])
    def test_an_encoder_decoder_reads_a_trie_as_its_sequences(self, layers: int) -> None:
        network = EncoderDecoder(INPUTS, HIDDEN, layers, 1, steps=3)
        init_weights(network, "keras", rng())
        codes = torch.randint(2, (6, TIME), generator=rng(1))
        result = []
        for trie in (None, Trie.from_sequences(codes)):
            answer = network(codes, trie)
            loss = (answer * torch.arange(6.0).view(6, 1, 1)).square().sum()
            result.append([answer, *torch.autograd.grad(loss, list(network.parameters()))])
        for one, other in zip(*result, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(
        ("projected", "weight", "which", "message"),
        [
            ((4, 20), (20, 5), None, r"are not \[3, 4H\] and \[4H, H\]"),
            ((3, 20), (20, 6), None, r"are not \[3, 4H\] and \[4H, H\]"),
            ((2, 24), (20, 5), [0, 1, 1], r"are not \[2, 4H\] and \[4H, H\]"),
            ((2, 20), (20, 5), [0, 1, 2], "rows 0 to 2 are requested of a table of 2"),
            ((2, 20), (20, 5), [0, -1, 1], "rows -1 to 1 are requested of a table of 2"),
        ],
    )
    def test_what_does_not_fit_a_trie_is_refused(
        self,
        projected: tuple[int, ...],
        weight: tuple[int, ...],
        which: list[int] | None,
        message: str,
    ) -> None:
        trie = Trie.from_sequences(torch.tensor([[0, 1], [0, 2]]))
        with pytest.raises(ValueError, match=message):
            kernels.lstm_over_trie(
                torch.zeros(projected),
                torch.zeros(weight),
                trie,
                None if which is None else torch.tensor(which),
            )

    def test_what_is_not_finite_shows(self) -> None:
        """Of two examples one is not a number: its states and gradients are none either, the other's are."""
        layer = ours()
        sequence = torch.randn(TIME, 2, INPUTS, generator=rng(1))
        sequence[1, 0, 2] = torch.nan
        sequence.requires_grad_()
        states = layer(sequence)
        (gradient,) = torch.autograd.grad(states.sum(), sequence)
        assert states[1:, 0].isnan().all() and gradient[:, 0].isnan().any()
        assert states[:, 1].isfinite().all() and gradient[:, 1].isfinite().all()

    def test_saturates_where_sums_are_large(self) -> None:
        """sigmoid(-x), sigmoid(x) and tanh(x) of large x are 0, 1 and 1, of infinity too."""
        for large in (20.0, 100.0, 1e30, math.inf):
            projected = torch.tensor([large, -large, large, large]).view(1, 1, 4)
            torch.testing.assert_close(
                kernels.lstm(projected, torch.zeros(4, 1)).item(), math.tanh(1.0), rtol=0, atol=1e-6
            )


class TestRecurrenceKernels:
    """What is compiled for an LSTM, against PyTorch's operations in double precision, which are checked above."""

    @pytest.mark.parametrize(
        ("steps", "batch", "hidden"),
        [(1, 3, 2), (2, 1, 32), (4, 37, 6), (3, 70, 44), (2, 33, 70), (3, 9, 33)],
    )
    @pytest.mark.parametrize(
        ("dtype", "rounding"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-6)]
    )
    @pytest.mark.parametrize("lanes", [0, 2])
    @pytest.mark.parametrize("expanded", [False, True])
    def test_equal_double_precision(
        self,
        steps: int,
        batch: int,
        hidden: int,
        dtype: torch.dtype,
        rounding: float,
        lanes: int,
        expanded: bool,
    ) -> None:
        """Sizes beyond a block of rows and a panel of units; one step's inputs for all."""
        first = 1 if expanded else steps
        projected = torch.randn(*[lanes] * (lanes > 0), first, batch, 4 * hidden, generator=rng(1))
        weight = (
            torch.randn(*[lanes] * (lanes > 0), 4 * hidden, hidden, generator=rng(2)) / hidden**0.5
        )

        def states(projected: Tensor, weight: Tensor) -> Tensor:
            return kernels.lstm(projected.expand(steps, -1, -1), weight)

        unroll = torch.func.vmap(states) if lanes else states
        result = []
        for precision in (torch.float64, dtype):
            inputs = [part.to(dtype).to(precision).requires_grad_() for part in (projected, weight)]
            built = unroll(*inputs)
            weights = torch.randn(built.shape, generator=rng(3)).to(dtype).to(built.dtype)
            result.append([built, *torch.autograd.grad(built, inputs, weights)])
        for exact, mine in zip(*result, strict=True):
            assert mine.dtype == dtype
            largest = exact.abs().max().item()
            torch.testing.assert_close(
                mine.double(), exact, rtol=10 * rounding, atol=rounding * largest
            )

    @pytest.mark.parametrize(
        ("steps", "batch", "hidden"),
        [(1, 3, 2), (3, 1, 32), (4, 37, 6), (3, 70, 44), (5, 150, 34), (3, 9, 33), (2, 0, 8)],
    )
    @pytest.mark.parametrize(
        ("dtype", "rounding"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-6)]
    )
    @pytest.mark.parametrize("looked_up", [False, True])
    def test_of_a_trie_equal_its_sequences_in_double_precision(
        self,
        steps: int,
        batch: int,
        hidden: int,
        dtype: torch.dtype,
        rounding: float,
        looked_up: bool,
    ) -> None:
        """Of three codes: first levels narrower than a block of rows, and last ones wider."""
        sequences = torch.randint(3, (batch, steps), generator=rng(3))
        trie = Trie.from_sequences(sequences)
        paths = trie.list_paths()[:, trie.leaves]
        projected = torch.randn(3 if looked_up else len(trie.codes), 4 * hidden, generator=rng(1))
        weight = torch.randn(4 * hidden, hidden, generator=rng(2)) / hidden**0.5
        weights = torch.randn(steps, batch, hidden, generator=rng(4)).to(dtype)
        exact = [part.to(dtype).double().requires_grad_() for part in (projected, weight)]
        expected = [kernels.lstm(exact[0][sequences.T if looked_up else paths], exact[1])]
        inputs = [part.to(dtype).requires_grad_() for part in (projected, weight)]
        result = [kernels.lstm_over_trie(*inputs, trie, trie.codes if looked_up else None)[paths]]
        expected += torch.autograd.grad(expected[0], exact, weights.double())
        result += torch.autograd.grad(result[0], inputs, weights)
        for right, mine in zip(expected, result, strict=True):
            assert mine.dtype == dtype
            largest = max([0.0, *right.abs().flatten().tolist()])
            torch.testing.assert_close(
                mine.double(), right, rtol=10 * rounding, atol=rounding * largest
            )

    def test_lanes_of_lanes_equal_each_alone(self) -> None:
        """As many of the one as of the other, that none may take the other's place."""
        if not kernels.is_available(torch.zeros(1)):
            pytest.skip("no C compiler")
        projected = torch.randn(2, 2, TIME, BATCH, 4 * HIDDEN, generator=rng(1))
        weight = torch.randn(2, 2, 4 * HIDDEN, HIDDEN, generator=rng(2))
        gradient = torch.func.grad(lambda *inputs: kernels.lstm(*inputs).square().sum(), (0, 1))
        result = torch.func.vmap(torch.func.vmap(gradient))(projected, weight)
        for outer, inner in ((0, 0), (0, 1), (1, 0), (1, 1)):
            alone = gradient(projected[outer, inner], weight[outer, inner])
            for many, one in zip(result, alone, strict=True):
                torch.testing.assert_close(many[outer, inner], one, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("shape", [(0, 3, 8), (2, 0, 8), (2, 3, 0)])
    @pytest.mark.parametrize("expanded", [False, True])
    def test_nothing_at_all(self, shape: tuple[int, int, int], expanded: bool) -> None:
        projected = torch.zeros(1, *shape[1:]).expand(shape) if expanded else torch.zeros(shape)
        inputs = [
            projected.requires_grad_(),
            torch.zeros(shape[-1], shape[-1] // 4, requires_grad=True),
        ]
        states = kernels.lstm(*inputs)
        assert states.shape == (*shape[:2], shape[2] // 4)
        assert all(not part.any() for part in torch.autograd.grad(states.sum(), inputs))

    def test_do_not_depend_on_the_default_precision(self) -> None:
        inputs = [
            torch.randn(TIME, BATCH, 128, generator=rng(1)),
            torch.randn(128, 32, generator=rng(2)),
        ]
        trie = Trie.from_sequences(torch.randint(2, (BATCH, TIME), generator=rng(3)))
        table = torch.randn(2, 128, generator=rng(1)).requires_grad_()

        def result() -> list[Tensor]:
            states = kernels.lstm_over_trie(table, inputs[1], trie, trie.codes)
            return [kernels.lstm(*inputs), states, *torch.autograd.grad(states.sum(), table)]

        expected = result()
        torch.set_default_dtype(torch.float64)
        try:
            assert all(torch.equal(*both) for both in zip(result(), expected, strict=True))
        finally:
            torch.set_default_dtype(torch.float32)

    @pytest.mark.parametrize("which", range(5))
    @pytest.mark.parametrize(
        "bad",
        [
            torch.zeros(1, 2, 8).double(),
            torch.zeros(1, 2, 9),
            torch.zeros(2, 2),
            torch.zeros(1, 16, 4)[:, ::8],
        ],
    )
    def test_take_what_fits_and_write_no_copy(self, bad: Tensor, which: int) -> None:
        if not kernels.is_available(torch.zeros(1)):
            pytest.skip("no C compiler")
        arrays = [torch.zeros(1, 2, width) for width in (8, 8, 2, 2, 2)]
        arrays[which] = bad
        with pytest.raises(ValueError, match="does not fit gates"):
            lstm_calls.compute_forward(arrays[0], torch.zeros(8, 2), *arrays[1:])
        arrays[which] = torch.zeros(1, 4, 8)[:, ::2, : 8 if which < 2 else 2]
        if which:
            with pytest.raises(ValueError, match="not laid out as the kernel writes it"):
                lstm_calls.compute_forward(arrays[0], torch.zeros(8, 2), *arrays[1:])
        else:
            lstm_calls.compute_forward(arrays[0], torch.zeros(8, 2), *arrays[1:])

    def test_make_no_subnormal_gate(self) -> None:
        """Processors take ten times as long with such numbers."""
        if not kernels.is_available(torch.zeros(1)):
            pytest.skip("no C compiler")
        gates = torch.zeros(1, 1, 4)
        lstm_calls.compute_forward(
            torch.full((1, 1, 4), -1000.0),
            torch.zeros(4, 1),
            gates,
            *(torch.zeros(1, 1, 1) for _ in range(3)),
        )
        assert (gates.abs() > torch.finfo(torch.float32).tiny).all() and gates[0, 0, 0] < 1e-15

    def test_leave_odd_units_in_bfloat16_to_pytorch(self) -> None:
        if not kernels.is_available(torch.zeros(1)):
            pytest.skip("no C compiler")
        for units, dtype, served in [
            (7, torch.float32, True),
            (7, torch.bfloat16, False),
            (8, torch.bfloat16, True),
        ]:
            assert bindings.supports_gates(torch.zeros(1, 4 * units, dtype=dtype)) == served


def test_no_other_recurrent_layer_is_used() -> None:
    """`vmap` cannot batch PyTorch's own."""
    banned = {f"{kind}{cell}" for kind in ("LSTM", "GRU", "RNN") for cell in ("", "Cell")}
    package = Path(gensweep.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in banned, f"{path}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
                assert not banned & {alias.name for alias in node.names}, f"{path}:{node.lineno}"
    assert len(list(package.rglob("*.py"))) > 50


def filled(module: Any, scheme: str, seed: int = 0) -> Any:
    init_weights(module, scheme, rng(seed))
    return module


DENSE = [
    # A layer, and the fan in and out of its weights: inputs or outputs times the kernel's area. A transposed
    # convolution's weight is [inputs, outputs, 3, 3]; PyTorch takes its second axis for the fan in.
    (lambda: nn.Linear(300, 200), 300, 200),
    (lambda: nn.Conv2d(16, 64, 3), 16 * 9, 64 * 9),
    (lambda: nn.ConvTranspose2d(16, 64, 3), 64 * 9, 16 * 9),
]


@pytest.mark.parametrize(
    ("make", "fan_in", "fan_out"), DENSE, ids=["Linear", "Conv2d", "ConvTranspose2d"]
)
class TestDenseInitialisation:
    def check_uniform(self, values: Tensor, limit: float) -> None:
        """Uniform in ±limit: the variance is limit^2 / 3, the mean 0, and the ends are nearly reached."""
        assert values.abs().max() <= limit
        assert values.abs().max() > 0.98 * limit
        deviation = limit / math.sqrt(3)
        assert values.std().item() == pytest.approx(deviation, rel=0.05)
        assert abs(values.mean().item()) < 4 * deviation / math.sqrt(values.numel())

    def test_keras_is_glorot_uniform_with_zero_biases(
        self, make, fan_in: int, fan_out: int
    ) -> None:
        layer = filled(make(), "keras")
        self.check_uniform(layer.weight, math.sqrt(6 / (fan_in + fan_out)))
        assert not layer.bias.any()

    def test_torch_is_uniform_in_one_over_root_fan_in(
        self, make, fan_in: int, fan_out: int
    ) -> None:
        """As `reset_parameters` fills weight and bias."""
        layer, reference = filled(make(), "torch"), make()
        bound = 1 / math.sqrt(fan_in)
        self.check_uniform(layer.weight, bound)
        assert 0.8 * bound < layer.bias.abs().max() <= bound
        assert reference.weight.abs().max() <= bound and reference.bias.abs().max() <= bound

    def test_layers_may_lack_a_bias(self, make, fan_in: int, fan_out: int) -> None:
        layer = type(make())(
            16, 64, **({} if isinstance(make(), nn.Linear) else {"kernel_size": 3}), bias=False
        )
        for scheme in ("torch", "keras"):
            assert filled(layer, scheme).weight.std() > 0


class TestInitialisation:
    def test_keras_lstm_is_orthogonal_with_forget_bias_one(self) -> None:
        layer = ours(20, 30)
        init_weights(layer, "keras", rng())
        torch.testing.assert_close(
            layer.weight_hh.T @ layer.weight_hh, torch.eye(30), rtol=0, atol=1e-5
        )
        limit = math.sqrt(6 / (20 + 4 * 30))
        assert 0.98 * limit < layer.weight_ih.abs().max() <= limit
        assert layer.weight_ih.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
        _, forget, _, _ = layer.bias.chunk(4)
        assert (forget == 1).all() and layer.bias.sum() == 30

    def test_torch_lstm_is_uniform_in_one_over_root_hidden(self) -> None:
        layer, bound = ours(20, 25), 1 / 5
        for parameter in layer.parameters():
            assert 0.95 * bound < parameter.abs().max() <= bound
            assert parameter.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)

    @pytest.mark.parametrize("scheme", ["torch", "keras"])
    def test_depends_on_the_generator_alone(self, scheme: str) -> None:
        def weights(seed: int) -> Tensor:
            layers = [EncoderDecoder(4, 5, 1, 2, 3), *(make() for make, _, _ in DENSE)]
            return nn.utils.parameters_to_vector(
                filled(nn.ModuleList(layers), scheme, seed).parameters()
            )

        assert torch.equal(weights(0), weights(0))
        assert not torch.equal(weights(0), weights(1))

    def test_a_module_without_a_rule_is_refused(self) -> None:
        class Scale(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.factor = nn.Parameter(torch.ones(2))

        with pytest.raises(TypeError, match="no initialisation rule for Scale"):
            init_weights(nn.Sequential(nn.Conv2d(1, 2, 3), Scale()), "keras", rng())


class TestPictures:
    @pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
    def test_encoder_and_decoder_halve_and_double_at_every_depth(self, layers: int) -> None:
        encoder, decoder = PictureEncoder(layers, 2, 6), PictureDecoder(6, layers, 2)
        for module in (encoder, decoder):
            init_weights(module, "keras", rng())
        pictures = torch.rand(2, 3, 64, 64, generator=rng())
        widths: list[int] = []
        for stage in [*encoder.stages, *decoder.stages]:
            if isinstance(stage, (nn.Conv2d, nn.ConvTranspose2d)):
                stage.register_forward_hook(
                    lambda module, inputs, output: widths.append(output.shape[-1])
                )
        vectors = encoder(pictures)
        assert vectors.shape == (2, 6)
        assert decoder(vectors).shape == pictures.shape
        assert widths == [64 // 2**k for k in range(1, layers + 1)] + [
            64 // 2**k for k in reversed(range(layers))
        ]

    def test_the_slope_is_that_of_negative_sums(self) -> None:
        """With kernels of zeros, the sums are the biases."""
        for slope, expected in ((0.2, [-0.2, 2.0]), (0.0, [0.0, 2.0])):
            stage = PictureEncoder(1, 2, 6, slope=slope).stages[0]
            stage.weight.data.zero_()
            stage.bias.data = torch.tensor([-1.0, 2.0])
            assert stage(torch.rand(1, 3, 64, 64))[0, :, 5, 7].tolist() == pytest.approx(expected)

    def test_interleave_alternates_rows(self) -> None:
        """Ten pictures in rows of four: 0-3, their copies, 4-7, theirs, 8-9, theirs."""
        numbers = torch.arange(10.0).reshape(10, 1, 1, 1)
        rows = interleave(numbers, numbers + 100, columns=4).flatten().tolist()
        assert rows == [
            0,
            1,
            2,
            3,
            100,
            101,
            102,
            103,
            4,
            5,
            6,
            7,
            104,
            105,
            106,
            107,
            8,
            9,
            108,
            109,
        ]


def amounts(**values: float) -> Tensor:
    names = ("angle", "size", "shear", "across", "down")
    return torch.tensor([[[values.get(name, 0.0) for name in names]]])


@pytest.fixture(scope="module")
def glyph() -> Tensor:
    """One glyph [1, 1, 28, 28], black but for its middle, so that nothing is lost at the border."""
    picture = torch.zeros(1, 1, 28, 28)
    picture[..., 8:20, 8:20] = torch.rand(12, 12, generator=rng())
    return picture


class TestGlyphs:
    def test_encoder_and_decoder_read_and_write_every_glyph_alike(self) -> None:
        encoder, decoder = GlyphEncoder(2, 6), GlyphDecoder(6, 2)
        for module in (encoder, decoder):
            init_weights(module, "keras", rng())
        pictures = torch.rand(2, 5, 28, 28, generator=rng())
        features = encoder(pictures)
        assert (features.shape, decoder(features).shape) == ((2, 5, 6), (2, 5, 28, 28))
        torch.testing.assert_close(encoder(pictures[:, 3:4]), features[:, 3:4])
        torch.testing.assert_close(decoder(features[:1, 2:]), decoder(features)[:1, 2:])

    def test_joined_stands_side_by_side(self) -> None:
        pictures = torch.rand(2, 3, 28, 28, generator=rng())
        strip = join_glyphs(pictures)
        assert strip.shape == (2, 1, 28, 84)
        for index in range(3):
            assert torch.equal(strip[:, 0, :, 28 * index : 28 * (index + 1)], pictures[:, index])

    def test_affine_by_nothing_is_the_identity(self) -> None:
        pictures = torch.rand(2, 5, 28, 28, generator=rng())
        torch.testing.assert_close(
            apply_affine(pictures, torch.zeros(2, 5, 5)), pictures, rtol=0, atol=1e-5
        )

    def test_affine_shifts_by_two_pixels(self, glyph: Tensor) -> None:
        """Each pixel shows what was two to its right, or two below."""
        for direction, axis in (("across", 3), ("down", 2)):
            shifted = apply_affine(glyph, amounts(**{direction: 1}))
            torch.testing.assert_close(shifted, glyph.roll(-2, dims=axis), rtol=0, atol=1e-5)

    def test_affine_fills_up_with_black(self) -> None:
        shifted = apply_affine(torch.ones(1, 1, 28, 28), amounts(across=1))
        torch.testing.assert_close(
            shifted[0, 0].sum(0), torch.tensor([28.0] * 26 + [0.0] * 2), rtol=0, atol=1e-3
        )

    def test_affine_turns_by_ten_degrees(self, glyph: Tensor) -> None:
        """Nine times ten degrees is a quarter turn."""
        turned = apply_affine(glyph, amounts(angle=9))
        torch.testing.assert_close(turned, glyph.rot90(1, dims=(2, 3)), rtol=0, atol=1e-4)

    @pytest.mark.parametrize("seed", range(4))
    def test_affine_equals_bilinear_sampling_at_the_formulas_places(
        self, glyph: Tensor, seed: int
    ) -> None:
        """In coordinates from the centre, (x, y) shows (1 + size) R(angle) [[1, shear], [0, 1]] (x, y) + shift."""
        drawn = torch.rand(1, 1, 5, generator=rng(seed)) * 2 - 1
        angle, size, shear, across, down = drawn.flatten().tolist()
        turn = math.radians(10 * angle)
        rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        matrix = (1 + 0.1 * size) * rotation @ np.array([[1, 0.1 * shear], [0, 1]])
        y, x = np.mgrid[:28, :28] - 13.5
        seen = matrix @ np.stack([x.ravel(), y.ravel()]) + 2 * np.array([[across], [down]]) + 13.5
        expected = ndimage.map_coordinates(glyph[0, 0].numpy(), seen[::-1], order=1).reshape(28, 28)
        result = apply_affine(glyph, drawn)[0, 0].numpy()
        assert np.abs(expected - glyph[0, 0].numpy()).max() > 0.1
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4)


def codes(*answers: str) -> Tensor:
    return torch.tensor(np.stack([encode(answer, 3) for answer in answers])).long()


class TestText:
    def test_loss_is_the_mean_over_characters_of_minus_log_softmax(self) -> None:
        """At equal logits every character costs log 13; where the right one leads by 2, log(12 + e^2) - 2."""
        answer = codes("46", "105")
        logits = torch.zeros(2, 3, 13)
        for index in range(2):
            logits[1, index, answer[1, index]] = 2.0
        leading = math.log(12 + math.e**2) - 2
        expected = [math.log(13), (2 * leading + math.log(13)) / 3]
        assert compute_answer_loss(logits, answer).tolist() == pytest.approx(expected, rel=1e-6)

    def test_outputs_are_the_likeliest_characters(self) -> None:
        answer = codes("-14")
        outputs = collect_answer_outputs(nn.functional.one_hot(codes("-24"), 13).float(), answer)
        assert set(outputs) == {"loss", "predicted", "answer"}
        assert torch.equal(outputs["predicted"], codes("-24")) and torch.equal(
            outputs["answer"], answer
        )

    @pytest.mark.parametrize(
        ("guess", "right", "caption"),
        [("46", "46", "46 (right)"), ("47", "46", "47 (is 46)"), ("", "105", "nothing (is 105)")],
    )
    def test_captions_say_what_is_right(self, guess: str, right: str, caption: str) -> None:
        assert format_answer(codes(guess)[0], codes(right)[0]) == caption

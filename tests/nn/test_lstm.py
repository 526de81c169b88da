"""The LSTM and its kernels, against PyTorch's and independent formulas."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest
import torch
from lstm_reference import theirs
from torch import Tensor, nn

import gensweep
from gensweep import kernels
from gensweep.kernels import Trie, bindings, lstm_calls
from gensweep.nn.init import init_weights
from gensweep.nn.lstm import LSTM, EncoderDecoder

INPUTS, HIDDEN, BATCH, TIME = 5, 7, 3, 4


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ours(inputs: int = INPUTS, hidden: int = HIDDEN, seed: int = 0) -> LSTM:
    layer = LSTM(inputs, hidden)
    init_weights(layer, "torch", rng(seed))
    return layer


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
        [
            "forward", "forward_tokens", "forward_token_nodes", "forward_nodes", "forward_repeated",
            "forward_repeated_before",
        ],
    )  # fmt: skip
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
        elif way == "forward_repeated_before":
            once = torch.randn(BATCH, INPUTS - 2, generator=rng(1))
            codes = torch.randint(2, (TIME, BATCH), generator=rng(1))
            before = nn.functional.one_hot(codes, 2).float().roll(1, 0)
            before[0] = 0
            sequence = torch.cat([once.expand(TIME, BATCH, INPUTS - 2), before], 2)
            states = layer.forward_repeated_before(once, codes)
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

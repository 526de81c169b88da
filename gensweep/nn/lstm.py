"""A hand-written LSTM: faster here than `nn.LSTM`, and `vmap` can batch it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep import kernels

if TYPE_CHECKING:
    from gensweep.kernels import Trie

GATES = 4
"""Input, forget, cell and output gate, in this order."""


class LSTM(nn.Module):
    """One LSTM layer (Hochreiter and Schmidhuber 1997; forget gates, Gers et al. 2000), time first.

    Weights are laid out as in `nn.LSTM`, with one exception: `nn.LSTM` has two biases that are only
    ever added, and this layer has one.

    Shapes: `weight_ih` [4H, I], `weight_hh` [4H, H], `bias` [4H].

    Args:
        inputs: size of an input, I.
        hidden: size of a state, H.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        gates = GATES * hidden
        self.weight_ih = nn.Parameter(torch.empty(gates, inputs))
        self.weight_hh = nn.Parameter(torch.empty(gates, hidden))
        self.bias = nn.Parameter(torch.empty(gates))

    def forward(self, x: Tensor) -> Tensor:
        """Return hidden states [T, B, H] of a sequence [T, B, I].

        One matrix product projects the inputs of all steps.
        """
        return self._unroll(self._project(x))

    def forward_tokens(self, codes: Tensor) -> Tensor:
        """Return hidden states [T, B, H] of codes [T, B] in 0..I-1, as if they were one-hot."""
        # Looked up in float32, since the gradient of an entry is a sum over all its uses.
        projected = F.embedding(codes, self._build_table())
        return self._unroll(projected)

    def forward_token_nodes(self, trie: Trie) -> Tensor:
        """Return hidden states [N, H] of the nodes of a trie of codes."""
        table = self._build_table()
        weight_hh = self.weight_hh.to(kernels.get_product_dtype(table))
        return kernels.lstm_over_trie(
            table,
            weight_hh,
            trie,
            trie.codes,
        )

    def forward_nodes(self, x: Tensor, trie: Trie) -> Tensor:
        """Return hidden states [N, H] of a trie with the inputs [N, I] at its nodes."""
        projected = kernels.to_product_dtype(self._project(x))
        weight_hh = self.weight_hh.to(projected.dtype)
        return kernels.lstm_over_trie(projected, weight_hh, trie)

    def forward_repeated(self, x: Tensor, steps: int) -> Tensor:
        """Return hidden states [T, B, H] of one input [B, I] at each of ``steps`` steps.

        The input is projected once.
        """
        projected = self._project(x)
        return self._unroll(projected.expand(steps, -1, -1))

    def forward_repeated_before(self, x: Tensor, codes: Tensor) -> Tensor:
        """Return hidden states [T, B, H] of one input at each step, joined with the code before it.

        The input is projected once, and the first step has no code before it.

        Args:
            x: the input [B, I - V], where V is the number of different codes.
            codes: codes [T, B] of the steps; the last one is not used.
        """
        width = x.shape[-1]
        projected = F.linear(x, self.weight_ih[:, :width], self.bias)
        table = self.weight_ih[:, width:].t().contiguous()
        fed_back = F.embedding(codes[:-1], table)
        first = torch.zeros_like(projected).unsqueeze(0)
        return self._unroll(projected + torch.cat([first, fed_back]))

    def _project(self, x: Tensor) -> Tensor:
        """Return the part of the gates that depends on the input, [..., 4H]."""
        return F.linear(x, self.weight_ih, self.bias)

    def _build_table(self) -> Tensor:
        """Return the same part for every code, [I, 4H]."""
        table = self.weight_ih + self.bias.unsqueeze(-1)
        return table.t().contiguous()

    def _unroll(self, projected: Tensor) -> Tensor:
        # Autocast does not reach into the recurrence; and within `vmap` it adds a bias in float32.
        projected = kernels.to_product_dtype(projected)
        weight_hh = self.weight_hh.to(projected.dtype)
        return kernels.lstm(projected, weight_hh)


class EncoderDecoder(nn.Module):
    """Stacked LSTMs that read a query, repeat its last state, and write an answer.

    As in Sutskever et al. 2014 and Cho et al. 2014.

    Args:
        inputs: size of one step of the query: of its features, or the number of codes for tokens.
        hidden: size of every layer's state.
        encoder_layers: number of layers that read the query.
        decoder_layers: number of layers that write the answer.
        steps: length of the answer.
        answer_codes: number of codes that a step of the answer may have, if each step sees the code
            before it; 0: it sees none.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        encoder_layers: int,
        decoder_layers: int,
        steps: int,
        answer_codes: int = 0,
    ) -> None:
        super().__init__()
        self.steps = steps
        encoder_sizes = [inputs] + [hidden] * (encoder_layers - 1)
        decoder_sizes = [hidden + answer_codes] + [hidden] * (
            decoder_layers - 1
        )
        self.encoder = nn.ModuleList(
            LSTM(size, hidden) for size in encoder_sizes
        )
        self.decoder = nn.ModuleList(
            LSTM(size, hidden) for size in decoder_sizes
        )

    def forward(
        self,
        query: Tensor,
        trie: Trie | None = None,
        masks: Tensor | None = None,
    ) -> Tensor:
        """Return the states of the answer, [B, steps, H].

        Args:
            query: codes [B, T] (integers), or features [B, T, inputs].
            trie: the codes as a trie, which is faster.
            masks: see `decode`.
        """
        return self.decode(self.encode(query, trie), masks=masks)

    def encode(self, query: Tensor, trie: Trie | None = None) -> Tensor:
        """Return the encoder's last states [B, H] of a query; the arguments are those of a call."""
        if trie is not None:
            return self._encode_trie(trie)
        return self._encode_sequence(query.transpose(0, 1))

    def decode(
        self,
        last: Tensor,
        answer: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> Tensor:
        """Return the states of the answer, [B, steps, H].

        Args:
            last: the encoder's last states [B, H].
            answer: codes [B, steps], if each step sees the code before it.
            masks: factors [B, 1 + steps, H] of the encoder's last state and of the answer's states.
        """
        if masks is not None:
            last = last * masks[:, 0]
        first_layer, *layers = cast("list[LSTM]", list(self.decoder))
        if answer is None:
            states = first_layer.forward_repeated(last, self.steps)
        else:
            states = first_layer.forward_repeated_before(
                last, answer.transpose(0, 1)
            )
        for layer in layers:
            states = layer(states)
        states = states.transpose(0, 1)
        if masks is not None:
            states = states * masks[:, 1:]
        return states

    def _encode_sequence(self, query: Tensor) -> Tensor:
        """Return the encoder's last states [B, H] of a query, time first."""
        first_layer, *layers = cast("list[LSTM]", list(self.encoder))
        if query.is_floating_point():
            states = first_layer(query)
        else:
            states = first_layer.forward_tokens(query)
        for layer in layers:
            states = layer(states)
        return states[-1]

    def _encode_trie(self, trie: Trie) -> Tensor:
        """Return the encoder's last states [B, H] of the sequences of a trie."""
        first_layer, *layers = cast("list[LSTM]", list(self.encoder))
        states = first_layer.forward_token_nodes(trie)
        for layer in layers:
            states = layer.forward_nodes(states, trie)
        leaf_states = states[trie.inner_count :]
        return F.embedding(trie.leaves, leaf_states)

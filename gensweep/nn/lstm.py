"""A hand-written LSTM: faster here than `nn.LSTM`, and one that `vmap` can batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep import kernels

if TYPE_CHECKING:
    from gensweep.kernels import Trie


class LSTM(nn.Module):
    """One LSTM layer (Hochreiter and Schmidhuber 1997; forget gates, Gers et al. 2000), time first.

    Weights are laid out as `nn.LSTM`'s, gates in the order input, forget, cell, output, with one
    bias where that has two which are only ever added.

    Shapes: `weight_ih` [4H, I], `weight_hh` [4H, H], `bias` [4H].
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden, inputs))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden, hidden))
        self.bias = nn.Parameter(torch.empty(4 * hidden))

    def forward(self, x: Tensor) -> Tensor:
        """Hidden states [T, B, H] of a sequence [T, B, I]; one product serves all its steps."""
        return self._unroll(F.linear(x, self.weight_ih, self.bias))

    def forward_tokens(self, codes: Tensor) -> Tensor:
        """Hidden states [T, B, H] of codes [T, B] in 0..I-1, as if they were one-hot vectors."""
        return self._unroll(
            F.embedding(codes, self._table())
        )  # in float32: its gradient adds up all that are equal

    def forward_token_nodes(self, trie: Trie) -> Tensor:
        """The same of a trie's nodes, [N, H]."""
        table = self._table()
        return kernels.lstm_over_trie(
            table, self.weight_hh.to(kernels.get_product_dtype(table)), trie, trie.codes
        )

    def forward_nodes(self, x: Tensor, trie: Trie) -> Tensor:
        """Hidden states [N, H] of what a trie's nodes are, [N, I]."""
        projected = kernels.to_product_dtype(F.linear(x, self.weight_ih, self.bias))
        return kernels.lstm_over_trie(projected, self.weight_hh.to(projected.dtype), trie)

    def forward_repeated(self, x: Tensor, steps: int) -> Tensor:
        """Hidden states [T, B, H] of one input [B, I] seen at every one of ``steps``; projected once."""
        return self._unroll(F.linear(x, self.weight_ih, self.bias).expand(steps, -1, -1))

    def _table(self) -> Tensor:
        """What each code adds to the gates, [I, 4H]."""
        return (self.weight_ih + self.bias.unsqueeze(-1)).t().contiguous()

    def _unroll(self, projected: Tensor) -> Tensor:
        # Autocast does not reach into the recurrence; and within `vmap` it adds a bias in float32.
        projected = kernels.to_product_dtype(projected)
        return kernels.lstm(projected, self.weight_hh.to(projected.dtype))


class EncoderDecoder(nn.Module):
    """Stacked LSTMs: read a query, repeat its last state, write an answer (Sutskever et al. 2014; Cho et al. 2014).

    Args:
        inputs: size of one step of the query: features, or codes if they are tokens.
        hidden: size of every layer's state.
        encoder_layers, decoder_layers: depths.
        steps: length of the answer.
    """

    def __init__(
        self, inputs: int, hidden: int, encoder_layers: int, decoder_layers: int, steps: int
    ) -> None:
        super().__init__()
        self.steps = steps
        sizes = [inputs] + [hidden] * (encoder_layers - 1)
        self.encoder = nn.ModuleList(LSTM(size, hidden) for size in sizes)
        self.decoder = nn.ModuleList(LSTM(hidden, hidden) for _ in range(decoder_layers))

    def forward(self, query: Tensor, trie: Trie | None = None) -> Tensor:
        """Answer states [B, steps, H] of codes [B, T] (integers; faster with a trie), or features [B, T, inputs]."""
        last = self._read(query.transpose(0, 1)) if trie is None else self._read_nodes(trie)
        first, *rest = cast("list[LSTM]", list(self.decoder))
        states = first.forward_repeated(last, self.steps)
        for layer in rest:
            states = layer(states)
        return states.transpose(0, 1)

    def _read(self, query: Tensor) -> Tensor:
        """The encoder's last states [B, H]."""
        first, *rest = cast("list[LSTM]", list(self.encoder))
        states = first(query) if query.is_floating_point() else first.forward_tokens(query)
        for layer in rest:
            states = layer(states)
        return states[-1]

    def _read_nodes(self, trie: Trie) -> Tensor:
        """The same of a trie's sequences."""
        first, *rest = cast("list[LSTM]", list(self.encoder))
        states = first.forward_token_nodes(trie)
        for layer in rest:
            states = layer.forward_nodes(states, trie)
        return F.embedding(trie.leaves, states[trie.inner_count :])

"""Prepared arrays on the device, and batches gathered from them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from gensweep import kernels
from gensweep.core.dataset import DatasetArrays


class Batches:
    """The fields of a dataset that one model reads, kept on the device as compact integers.

    Args:
        data: prepared arrays.
        fields: names of rows or lookups.
        device: where batches are wanted.
        dedup_fields: those of them of which batches say what they have twice.
        dtype: precision of the network's products. Codes are read once where kernels compute in it;
            PyTorch would compute each sequence by itself all the same.
    """

    def __init__(
        self, data: DatasetArrays, fields: Iterable[str], device: torch.device, dedup_fields: Iterable[str] = (),
        dtype: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        self._rows: dict[str, Tensor] = {}
        self._banks: dict[str, Tensor] = {}
        self._fields = {field: data.lookups.get(field, (field, "")) for field in fields}
        for row, bank in self._fields.values():
            self._rows[row] = _shared(data.rows[row], device)
            if bank:
                self._banks[bank] = _shared(data.banks[bank], device)
        self._dedup_fields = set(dedup_fields)
        codes = {field for field in self._dedup_fields if not self._fields[field][1]}
        if codes and not kernels.is_available(torch.empty(0, dtype=dtype, device=device)):
            self._dedup_fields -= codes
        self._pictures = {
            field for field, (row, bank) in self._fields.items() if bank or data.rows[row].ndim > 2
        }

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """The fields of some examples [...]: pictures as float32 in 0..1, codes as int64, each [..., ...].

        On a CPU, examples [B] of a field to be read once come as a network needs it for that: looked up, `distinct`
        entries [U, ...] and `which` of them each is, [B, ...]; codes with the parts of their trie, where kernels
        compute. Elsewhere, to find these would take longer.
        """
        batch, is_told = {}, rows.ndim == 1 and rows.device.type == "cpu"
        for field, (name, bank) in self._fields.items():
            values = _looked_up(self._rows[name], rows)
            if is_told and field in self._dedup_fields:
                batch |= self._once(field, bank, values)
            else:
                batch[field] = self._numbers(
                    field, _looked_up(self._banks[bank], values) if bank else values
                )
        return batch

    def _once(self, field: str, bank: str, values: Tensor) -> dict[str, Tensor]:
        if not bank:
            codes = self._numbers(field, values)
            return {field: codes} | kernels.build_trie(codes, field)
        found, which = torch.unique(values, return_inverse=True)
        distinct = _looked_up(self._banks[bank], found)
        return {f"{field}/distinct": self._numbers(field, distinct), f"{field}/which": which}

    def _numbers(self, field: str, values: Tensor) -> Tensor:
        return values.float().div_(255) if field in self._pictures else values.long()


def _looked_up(table: Tensor, rows: Tensor) -> Tensor:
    """Rows [...] of a table: to index it takes ten times as long."""
    return table.index_select(0, rows.flatten()).unflatten(0, rows.shape)


def _shared(array: np.ndarray, device: torch.device) -> Tensor:
    """An array as a tensor that is only ever read; on the CPU in the memory that all processes share."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)

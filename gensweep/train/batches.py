"""Prepared arrays on the device, and batches gathered from them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from gensweep import kernels
from gensweep.core.dataset import DatasetArrays


class Batches:
    """The fields of a dataset that one model reads, stored on the device as compact integers.

    Args:
        data: prepared arrays.
        fields: names of rows or lookups.
        device: where batches are needed.
        dedup_fields: those of the fields whose repeated entries a batch contains only once.
        dtype: precision of the network's products. Codes are deduplicated only if kernels compute
            in it: PyTorch would compute each sequence by itself anyway.
    """

    def __init__(
        self,
        data: DatasetArrays,
        fields: Iterable[str],
        device: torch.device,
        dedup_fields: Iterable[str] = (),
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._rows: dict[str, Tensor] = {}
        self._banks: dict[str, Tensor] = {}
        # Of each field: the array with an entry for each example, and the bank that it indexes.
        self._fields = {
            field: data.lookups.get(field, (field, "")) for field in fields
        }
        self._pictures: set[str] = set()
        for field, (row, bank) in self._fields.items():
            self._rows[row] = _share_memory(data.rows[row], device)
            if bank:
                self._banks[bank] = _share_memory(data.banks[bank], device)
            if bank or data.rows[row].ndim > 2:
                self._pictures.add(field)
        self._dedup_fields = set(dedup_fields)
        codes = {
            field
            for field in self._dedup_fields
            if not self._fields[field][1]
        }
        if codes and not kernels.is_available(
            torch.empty(0, dtype=dtype, device=device)
        ):
            self._dedup_fields -= codes

    def take(
        self, rows: Tensor, glyphs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return the fields of some examples.

        Args:
            rows: which examples, [...].
            glyphs: indices in the bank of a field's pictures, [..., T], in place of the examples'
                own, by field.

        Returns:
            Pictures as float32 in 0..1 and codes as int64, each [..., ...].

            On a CPU, for examples [B], a deduplicated field of pictures has two entries instead:
            `<field>/distinct`, the different pictures [U, ...], and `<field>/which`, the index
            of each one among them [B, ...]. One of codes also has the parts of their trie.
        """
        # Elsewhere, to look for repeated entries would take longer than to compute them.
        deduplicates = rows.ndim == 1 and rows.device.type == "cpu"
        batch: dict[str, Tensor] = {}
        for field, (name, bank) in self._fields.items():
            if glyphs and field in glyphs:
                values = glyphs[field]
            else:
                values = _index_rows(self._rows[name], rows)
            if deduplicates and field in self._dedup_fields:
                batch |= self._deduplicate(field, bank, values)
                continue
            if bank:
                values = _index_rows(self._banks[bank], values)
            batch[field] = self._to_numbers(field, values)
        return batch

    def _deduplicate(
        self, field: str, bank: str, values: Tensor
    ) -> dict[str, Tensor]:
        """Return the entries of a batch for a deduplicated field."""
        if not bank:
            codes = self._to_numbers(field, values)
            return {field: codes} | kernels.build_trie(codes, field)
        indices, which = torch.unique(values, return_inverse=True)
        distinct = _index_rows(self._banks[bank], indices)
        return {
            f"{field}/distinct": self._to_numbers(field, distinct),
            f"{field}/which": which,
        }

    def _to_numbers(self, field: str, values: Tensor) -> Tensor:
        if field in self._pictures:
            return values.float().div_(255)
        return values.long()


def _index_rows(table: Tensor, rows: Tensor) -> Tensor:
    """Return rows [...] of a table."""
    # `table[rows]` takes ten times as long.
    return table.index_select(0, rows.flatten()).unflatten(0, rows.shape)


def _share_memory(array: np.ndarray, device: torch.device) -> Tensor:
    """Return an array as a tensor that nobody writes to.

    On the CPU it uses the array's memory, which all processes of the machine share.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The given NumPy array is not writable"
        )
        return torch.from_numpy(array).to(device)

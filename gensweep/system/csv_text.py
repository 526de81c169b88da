"""Read CSV files that gensweep wrote, and that a spreadsheet may have saved again."""

from __future__ import annotations

import csv
import io


def parse_csv(content: bytes) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a CSV file in UTF-8.

    A byte order mark and empty lines, which spreadsheets and editors add, are
    no part of the table.

    Raises:
        ValueError: there is no header, the text is not CSV in UTF-8, or a line
            does not have a value for each column; the message names the line.
    """
    text = content.decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""))
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row and rows and len(row) != len(rows[0]):
                raise ValueError(
                    f"line {reader.line_num} does not have {len(rows[0])} values"
                )
            if row:
                rows.append(row)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
    if not rows:
        raise ValueError("it has no header")
    return rows[0], rows[1:]

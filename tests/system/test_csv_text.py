import pytest

from gensweep.system.csv_text import parse_csv


@pytest.mark.parametrize(
    "content",
    [
        b"epoch,loss\n1,2\n2,\n",
        b"\xef\xbb\xbfepoch,loss\r\n1,2\r\n2,\r\n",
        b"\nepoch,loss\n1,2\n\n2,\n\n",
        b'"epoch","loss"\r\n"1","2"\r\n\r\n"2",""',
    ],
)
def test_a_table_is_the_same_after_a_spreadsheet_saved_it(content):
    assert parse_csv(content) == (["epoch", "loss"], [["1", "2"], ["2", ""]])


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "it has no header"),
        (b"\n\n", "it has no header"),
        (b"a,b\n1,2\n\n3\n", "line 4 does not have 2 values"),
        (b"a,b\n1,2,3\n", "line 2 does not have 2 values"),
        (b"a,b\n\xff,2\n", "can't decode byte 0xff"),
        (b"a,b\n1," + b"9" * 200_000 + b"\n", "line 2: field larger than"),
    ],
)
def test_what_is_no_table_is_named_with_its_line(content, message):
    with pytest.raises(ValueError, match=message):
        parse_csv(content)

"""Which CSV files are read, and what is said of the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesgmm.cli.csv_file import (
    expect_numbers,
    missing_cells,
    read_csv,
    read_text,
    rows_with_gaps,
)
from bayesgmm.cli.options import TextFormat
from bayesgmm.errors import BayesGMMWarning, DataError

READ = {
    "commas": "a,b\n1,2\n3,4\n",
    "semicolons": "a;b\n1;2\n3;4\n",
    "tabs": "a\tb\n1\t2\n3\t4\n",
    "blanks": " a , b \n1 , 2\n3, 4\n",
    "quotes after blanks": '"a", "b"\n1, 2\n3, 4\n',
    "quotes and semicolons": '"a";"b"\n1;2\n3;4\n',
    "byte order mark": "\ufeffa,b\n1,2\n3,4\n",
}
REFUSED = {
    "a,a\n1,2\n": "more than once: 'a'",
    "a,b, a\n1,2,3\n": "more than once: 'a'",
    "1.5,2\n3,4\n": "The first line of .* should name the columns; it holds numbers: '1.5', '2'",
    "a;b\tc\n1;2\t3\n": "has semicolons and tabs; which",
    "a,b\n": "no rows below the names",
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "table.csv"


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_files_are_read_alike(file, text):
    file.write_text(text, encoding="utf-8")
    table = read_csv(file, ["b", "a"])
    assert list(table.columns) == ["b", "a"]
    np.testing.assert_array_equal(table, [[2, 1], [4, 3]])


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_files_without_proper_names_are_refused(file, text, message):
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_csv(file, None)


def test_a_separator_within_quotes_is_part_of_a_name(file):
    file.write_text('"a;b"\n1\n2\n')
    assert list(read_csv(file, None).columns) == ["a;b"]


def test_a_name_that_is_a_number_beside_one_that_is_not_is_a_name(file):
    file.write_text("bird,2007\n1,2\n3,4\n")
    assert list(read_csv(file, None).columns) == ["bird", "2007"]


def test_remedies_are_those_of_the_shell():
    table = pd.DataFrame({
        "a": [1.0, 3.0], "s": ["1", "?"], "t": [True, False], "b": [1, 2], "const": [5, 5],
    })  # fmt: skip
    message = r"'s' \(for example '\?'\), 't' \(.*'True'\).*--columns a,b\."
    with pytest.raises(DataError, match=message):
        expect_numbers(table)
    expect_numbers(table[["a", "b"]])


def test_decimal_commas_are_told(file):
    file.write_text("a;b;c\n1,5;1;x\n-2;2;3,4,5\n")
    with pytest.raises(DataError, match=r"with a point, not a comma: 'a'\. .*--columns b\."):
        expect_numbers(read_csv(file, None))


def test_rows_with_missing_cells_are_counted():
    table = pd.DataFrame({"a": [1.0, np.nan, np.nan], "b": [1, 2, np.nan], "c": [1, 2, 3]})
    assert rows_with_gaps(table) == "2 of 3 rows have missing cells"
    assert rows_with_gaps(table[["b"]]) == "1 of 3 rows has missing cells"
    assert rows_with_gaps(table[["c"]]) == ""


def test_empty_cells_are_missing_whatever_else_is_in_the_file(file):
    file.write_text("a;b;c\n1.50; ;x\nNA;2;\n\n 3;4e0;y\n")
    table = read_csv(file, ["a", "b"])
    np.testing.assert_array_equal(table, [[1.5, np.nan], [np.nan, 2], [3, 4]])
    text, separator = read_text(file)
    assert separator == ";"
    assert text.values.tolist() == [["1.50", "", "x"], ["NA", "2", ""], ["3", "4e0", "y"]]


def test_a_decimal_comma_that_was_said_is_none_to_tell(file):
    file.write_text("a;b\n1,5;1.5\n2;3\n")
    table = read_csv(file, None, TextFormat(decimal=","))
    with pytest.raises(DataError, match=r"not numeric: 'b' \(for example '1\.5'\)\. Choose"):
        expect_numbers(table, ",")


def test_other_separators_are_hinted_at(file):
    file.write_text("a|b\n1|2\n3|4\n")
    with pytest.raises(DataError, match="give their separator with --separator"):
        expect_numbers(read_csv(file, None))


@pytest.mark.filterwarnings("default:.*is used as row names")
@pytest.mark.parametrize("names", [[0, 1, 2], [5, 7, 9], ["x", "y", "z"]])
@pytest.mark.parametrize("first", ["", "Unnamed: 0"])
def test_a_first_column_without_a_name_names_the_rows(file, names, first):
    frame = pd.DataFrame({"a": [1.5, 2, 3], "b": [4, 5, 7]}, index=names)
    frame.to_csv(file, index_label=first)
    with pytest.warns(BayesGMMWarning, match="has no name and is used as row names"):
        table = read_csv(file, None)
    pd.testing.assert_frame_equal(table, frame, check_index_type=False, check_column_type=False)
    assert list(read_text(file)[0].columns) == [first, "a", "b"]


def test_a_first_column_that_names_no_rows_needs_a_name(file):
    for cells in ([1, 1, 2], [0.5, 1, 2], ["x", "x", "y"], ["x", None, "y"]):
        pd.DataFrame({"a": [1, 2, 3]}, index=cells).to_csv(file)
        with pytest.raises(DataError, match=r"Column 1 of .* has no name"):
            read_csv(file, ["a"])


def test_a_column_of_that_name_that_is_asked_for_is_a_column(file):
    file.write_text("Unnamed: 0,a\n0,1\n1,2\n")
    assert read_csv(file, ["Unnamed: 0"]).iloc[:, 0].tolist() == [0, 1]


def test_missing_cells_are_counted():
    table = pd.DataFrame({"a": [1.0, np.nan, np.nan], "b": [1, 2, np.nan]})
    assert missing_cells(table) == "3 of 6 cells are missing."

"""Lines of a CSV file: no cell under another column's name, whatever the lines are like."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from bayesgmm.cli.csv_file import read_csv, read_text
from bayesgmm.cli.csv_lines import StandardInput
from bayesgmm.cli.options import TextFormat
from bayesgmm.errors import DataError

READ = {
    "blank lines at the end": "a,b\n1,2\n3,4\n\n\n  \n",
    "blank lines at the start": "\n\na,b\n1,2\n3,4\n",
    "lines end as on Windows": "a,b\r\n1,2\r\n3,4\r\n",
    "lines end as on old Macs": "a,b\r1,2\r3,4\r",
    "no end of the last line": "a,b\n1,2\n3,4",
    "byte order mark and quotes": '\ufeff"a","b"\r\n"1","2"\r\n"3","4"\r\n',
    "all lines end in separators": "a,b,\n1,2,\n3,4,\n",
    "several separators at the end": "a;b;;\n1;2;;\n3;4;;\n",
    "commas in names": '"a";b\n1;2\n3;4\n',
}
RAGGED = {
    "separators at the ends, but of the first line": ("a,b\n1,2,\n3,4,\n", 2, 3, 2),
    "one field more in all": ("a,b\n1,2,5\n3,4,5\n", 2, 3, 2),
    "one field more in one": ("a,b\n1,2\n3,4,5\n", 3, 3, 2),
    "two fields more": ("a,b\n1,2\n3,4,5,6\n", 3, 4, 2),
    "one field less": ("a,b,c\n1,2,3\n4,5\n", 3, 2, 3),
    "one field less in all, as R's row names": ("a,b\n1\n2\n", 2, 1, 2),
    "after a cell of two lines": ('a,b\n1,"x\ny"\n3,4,5\n', 4, 3, 2),
    "after blank lines": ("a,b\n1,2\n\n\n3\n", 5, 1, 2),
    "decimal commas": ("a,b\n1,5,2,5\n", 2, 4, 2),
    "a separator only the first line has at its end": ("a,b,\n1,2\n", 2, 2, 3),
}


def text(content: str) -> StandardInput:
    return StandardInput(content.encode(), "t.csv")


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_what_does_not_matter_is_no_matter(content):
    table = read_csv(text(content), None)
    assert list(table.columns) == ["a", "b"]
    np.testing.assert_array_equal(table, [[1, 2], [3, 4]])


@pytest.mark.parametrize(("content", "line", "found", "expected"), RAGGED.values(), ids=RAGGED)
def test_a_line_with_other_fields_is_refused(content, line, found, expected):
    fields = f"{found} field" + "s" * (found != 1)
    message = f"t.csv cannot be .*: line {line} has {fields}, where {expected} are expected"
    for read in (lambda source: read_csv(source, ["a"]), read_text):
        with pytest.raises(DataError, match=message):
            read(text(content))


def test_a_separator_at_the_ends_of_lines_has_its_own_remedy():
    with pytest.raises(DataError, match="remove the separator at its end"):
        read_csv(text("a,b\n1,2,\n"), None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,\n1,2,3\n", "Column 3 of t.csv has no name"),
        ("a,,c\n1,2,3\n", "Column 2 of t.csv has no name"),
        (",,\n1,2,3\n", "all names are empty"),
        ("a\n1\n\n2\n", "line 3 is blank: write NA"),
        ('a,b\n1,"2\n3,4\n', "unbalanced quotes in line 2"),
        ('a,b\n1,2\n3,"4"5\n', "unbalanced quotes in line 3"),
        ("a;b\n1;2\n\xe9\n", "line 3 is not text in UTF-8"),
        ("0,1\n2,3\n", r"add --header; .* add --no-header"),
        ("1,5;2,5\n3,1;4,1\n", "commas and semicolons; which .*--separator"),
    ],
)
def test_what_is_not_clear_is_said_with_its_place_and_remedy(content, message):
    with pytest.raises(DataError, match=message):
        read_csv(StandardInput(content.encode("latin-1"), "t.csv"), None)


def test_cells_of_several_lines_and_odd_marks_stay_as_they_are():
    rows = [["x", "name"], ["1", 'two\nlines, "quoted"'], ["2", "=1+2"], ["3", "\x1f\r\n;"]]
    content = io.StringIO()
    csv.writer(content).writerows(rows)
    table, _ = read_text(text(content.getvalue()))
    assert [list(table.columns), *table.to_numpy().tolist()] == rows


def test_a_missing_cell_of_one_column_is_no_blank_line():
    np.testing.assert_array_equal(read_csv(text('a\n1\n""\n2\n'), None)["a"], [1, np.nan, 2])


@pytest.mark.parametrize("first", ["0,1", "2019,2020", "400.5,401", "nan,1", "Adelie,39.1", "a,-1"])
def test_names_that_are_numbers_are_asked_for(first):
    content, names = text(f"{first}\n1,2\n3,4\n"), first.split(",")
    with pytest.raises(DataError, match="holds numbers"):
        read_csv(content, None)
    assert list(read_csv(content, names[::-1]).columns) == names[::-1]
    assert list(read_csv(content, None, TextFormat(header=True)).columns) == names
    table = read_csv(content, None, TextFormat(header=False))
    assert list(table.columns) == ["x0", "x1"]
    assert table.iloc[1:].astype(float).to_numpy().tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("first", ["2020_1,2020_2", "bird,2007", "inf,b", "a.1,b-1"])
def test_names_with_digits_are_names(first):
    assert list(read_csv(text(f"{first}\n1,2\n"), None).columns) == first.split(",")


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a;b\n1,5;2\n3;4,25\n", {"decimal": ","}),
        ('a,b\n"1,5","2"\n"3","4,25"\n', {"decimal": ","}),
        ("a, cm;b\n1,5;2\n3;4,25\n", {"decimal": ","}),
        ("a b\n1.5 2\n3 4.25\n", {"separator": " "}),
        ("a|b\n1.5|2\n3|4.25\n", {"separator": "|"}),
    ],
)
def test_separators_and_decimal_marks(content, options):
    table = read_csv(text(content), None, TextFormat(**options))
    np.testing.assert_array_equal(table, [[1.5, 2], [3, 4.25]])


def test_a_separator_in_names_is_told_by_the_second_line():
    assert list(read_csv(text("a, cm;b\n1;2\n"), None).columns) == ["a, cm", "b"]
    assert list(read_csv(text('"a, cm";b\n1;2\n'), None).columns) == ["a, cm", "b"]

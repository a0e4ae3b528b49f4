import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.errors import BadProblem
from mezan.solvers.qap import QAP
from mezan.solvers.qap.tables import parse_table

NAME = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12).filter(
    lambda name: not name[:1].isdigit()
)


@given(data=st.data(), delimiter=st.sampled_from(",;\t"), header=st.booleans(), column=st.booleans())
def test_what_the_csv_module_writes_is_read_back(data, delimiter, header, column):
    """Numbers and names survive, whichever the separator and whether names stand above, beside, both, or nowhere."""
    n = data.draw(st.integers(2, 5))
    number = st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-(10**9), 10**9)
    values = data.draw(st.lists(st.lists(number, min_size=n, max_size=n), min_size=n, max_size=n))
    words = data.draw(
        st.lists(NAME.filter(lambda w: w.lower() not in {"nan", "inf", "infinity"}), min_size=n, max_size=n)
    )
    names = [f"m{word}" for word in words]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    if header:
        writer.writerow([""] * column + names)
    for name, row in zip(names, values, strict=True):
        writer.writerow([name] * column + row)
    # the first line decides the separator, so an earlier one may not stand in the names of it
    first = out.getvalue().splitlines()[0]
    if any(d in first for d in "\t;,"[: "\t;,".index(delimiter)]):
        return
    found = parse_table(out.getvalue())
    assert found.values.tolist() == values
    assert found.names == (tuple(names) if header or column else None)


def test_numbered_rows_and_columns_are_names_under_an_empty_corner():
    """What pandas writes of a frame with a numbered index; a byte order mark, CRLF and blank lines change nothing."""
    found = parse_table("\ufeff,0,1\r\n\r\n0,0,5\r\n1,7,0\r\n\r\n")
    assert found.values.tolist() == [[0, 5], [7, 0]]
    assert found.names == ("0", "1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("\n \n", "it is empty"),
        ("0,1\n1", "row 1 has 2 cells and row 2 1"),
        ("0,1\n1,x", "row 2, column 2 of t.csv must be a finite number; got 'x'"),
        ("0,1\n1,", "row 2, column 2 of t.csv must be a number; it is empty"),
        ("0,1\n1,nan", "row 2, column 2"),
        ("0,1\ninf,0", "row 2, column 1"),
        ("0,1\n1_0,0", "row 2, column 1"),
        ("0;1\n1,5;0", "write decimals with a point"),
        (",a,b\na,0,1\nb,x,0", "row 3, column 2 of t.csv"),
        (",a,b\nb,0,1\na,1,0", "row 2 is named 'b' and column 2 'a'"),
        ("0,1\n1,0\n2,2", "3 rows of 2 numbers are not"),
        ("0,1,2,3\n1,0,3,4", "got 2 rows of 4 cells"),
        ('0,1\n1,"0\n', "unexpected end of data"),
        ("0," * 2001 + "0", "at most 2000"),
        ("0\n" * 2002, "at most 2000"),
        ('0,1\n1,"' + "0" * 200_000, "line"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, said):
    """One line says the rule and the row and column as counted in the file."""
    with pytest.raises(BadProblem) as caught:
        parse_table(text, "t.csv")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_files_are_a_problem(tmp_path):
    """`QAP.from_csv` reads the first as flows, the second as distances, and takes a mode."""
    (tmp_path / "flows.csv").write_text("0,5\n2,0\n")
    (tmp_path / "away.csv").write_text("\tx\ty\nx\t0\t1.5\ny\t4\t0\n")
    problem = QAP.from_csv(tmp_path / "flows.csv", tmp_path / "away.csv", mode="hybrid")
    assert problem == QAP(A=[[0, 5], [2, 0]], B=[[0, 1.5], [4, 0]], name="flows")
    assert problem.mode == "hybrid"
    with pytest.raises(BadProblem, match="a CSV file must be readable"):
        QAP.from_csv(tmp_path / "flows.csv", tmp_path / "absent.csv")
    (tmp_path / "away.csv").write_bytes(np.arange(64).tobytes() + b"\xff")
    with pytest.raises(BadProblem, match=r"a CSV file must be plain text|number"):
        QAP.from_csv(tmp_path / "flows.csv", tmp_path / "away.csv")

"""Muon files that are damaged: refused with a sentence, never with another program's exception."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from pyarrow import parquet

from daedalus.errors import DaedalusError, StageError
from daedalus.sources import MuonFile
from damaged import damaged

COLUMNS = {
    "x [cm]": [0.0, 1.0, 2.0],
    "y": [0.0, 0.0, 1.0],
    "z": [1.0, 1.0, 1.0],
    "theta [deg]": [1.0, 2.0, 3.0],
    "phi": [0.0, 1.0, 2.0],
    "p": [1.0, 2.0, 3.0],
    "time [s]": [0.0, 1.0, 2.0],
    "weight": [1.0, 1.0, 0.5],
}
DOWN = {"x": [0.0], "y": [0.0], "z": [1.0], "px": [0.0], "py": [0.0]}


def csv_text(columns):
    """Columns as CSV."""
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n"


def write_root(path):
    """Files with an RNTuple and with a TTree."""
    uproot = pytest.importorskip("uproot")
    arrays = {name: np.array(values) for name, values in COLUMNS.items()}
    found = []
    for kind in ("tuple", "tree"):
        with uproot.recreate(path) as file:
            if kind == "tree":
                file.mktree("muons", dict.fromkeys(arrays, "f8"))
                file["muons"].extend(arrays)
            else:
                file["muons"] = arrays
        found.append(path.read_bytes())
    return found


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Good files of each format, as bytes, and a place for damaged ones."""
    folder = tmp_path_factory.mktemp("good")
    table = pa.table(COLUMNS)
    found = {"csv": [csv_text(COLUMNS).encode()], "parquet": [], "root": write_root(folder / "muons.root")}
    for compression in ("none", "zstd"):
        parquet.write_table(table, folder / "muons.parquet", compression=compression)
        found["parquet"].append((folder / "muons.parquet").read_bytes())
    return folder, found


@pytest.mark.parametrize(("form", "examples"), [("csv", 150), ("parquet", 150), ("root", 80)])
@pytest.mark.filterwarnings("ignore")
def test_no_damaged_file_escapes(good, form, examples):
    folder, files = good
    path = folder / f"damaged.{form}"
    for content in files[form]:
        path.write_bytes(content)
        assert len(MuonFile(path)) == 3

    @settings(max_examples=examples)
    @given(content=damaged(files[form]))
    def holds(content):
        path.write_bytes(content)
        try:
            MuonFile(path)
        except DaedalusError as error:
            assert str(path) in str(error)  # noqa: PT017

    holds()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({**DOWN, "pz": [-1e-200]}, r"row 1 \(line 2\), column 'pz'.*momentum of at least 1e-09 GeV"),
        ({**DOWN, "pz": [-1e200]}, r"row 1 \(line 2\), column 'pz'.*finite number of at most 1e\+15"),
        ({**DOWN, "pz [GeV9999]": [-1.0]}, r"column 'pz' has the unit 'GeV9999'"),
        ({**DOWN, "pz [m-9999]": [-1.0]}, r"column 'pz' has the unit 'm-9999'"),
    ],
)
def test_numbers_out_of_all_reason(tmp_path, columns, message):
    path = tmp_path / "muons.csv"
    path.write_text(csv_text(columns))
    with pytest.raises(StageError, match=message):
        MuonFile(path)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "muons.csv"
    path.write_bytes(b"x,y\xff\n0,0\n")
    with pytest.raises(StageError, match="not a readable CSV file"):
        MuonFile(path)
    path.write_bytes(b"x,y,z," + b"a" * 200_000 + b"\n")
    with pytest.raises(StageError, match="not a readable CSV file"):
        MuonFile(path)


def test_the_only_tree_of_a_file_is_taken(tmp_path):
    uproot = pytest.importorskip("uproot")
    arrays = {name: np.array(values) for name, values in {**DOWN, "pz": [-1.0]}.items()}
    with uproot.recreate(tmp_path / "one.root") as file:
        file["events"] = {**arrays, "hits": np.zeros((1, 4))}
        file["about"] = "text"
    assert len(MuonFile(tmp_path / "one.root")) == 1
    with uproot.recreate(tmp_path / "two.root") as file:
        file["events"], file["others"] = arrays, arrays
    with pytest.raises(StageError, match=r"no tree 'muons'; found events, others. Name it with tree=..."):
        MuonFile(tmp_path / "two.root")
    with uproot.recreate(tmp_path / "rows.root") as file:
        file["muons"] = {**arrays, "x": np.zeros((1, 4))}
    with pytest.raises(StageError, match="column 'x': found"):
        MuonFile(tmp_path / "rows.root")

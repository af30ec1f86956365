"""Muons from files: what is read, in which units, and what is said of bad ones."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from daedalus.errors import StageError, ValidityWarning
from daedalus.events import Particles, blank_events
from daedalus.sources import MuonFile

CARTESIAN = "x [cm],y [mm],z [m],px [MeV],py [GeV],pz,comment [1]\n150,-20,1.8,3000,0,-4,0\n0,10,1.8,0,0,-0.5,0\n"
POLAR = """x,y,z,theta [deg],phi [rad],p [GeV],weight,time [s]
0,0,2,30,0,5,2,0
1,1,2,0,1,6,0.5,3
1,1,2,0,1,7,1,6
"""


def write(path, text):
    path.write_text(text)
    return path


def muons(source, *index):
    """Particles and weights at some indices."""
    events = source(blank_events(jnp.array(index, jnp.uint32)), key=jax.random.key(0))
    return events[Particles], events.weight


def test_cartesian_columns_and_units(tmp_path):
    source = MuonFile(write(tmp_path / "muons.csv", CARTESIAN), first=0)
    assert len(source) == 2
    particles, weight = muons(source, 0, 1)
    np.testing.assert_allclose(particles.x, [1.5, 0.0])
    np.testing.assert_allclose(particles.y, [-0.02, 0.01])
    np.testing.assert_allclose(particles.z, [1.8, 1.8])
    np.testing.assert_allclose(particles.momentum, [5.0, 0.5])
    np.testing.assert_allclose(particles.ux, [0.6, 0.0])
    np.testing.assert_allclose(particles.uz, [-0.8, -1.0])
    np.testing.assert_array_equal(weight, [1.0, 1.0])
    with pytest.raises(StageError, match="no usable column 'time'"):
        source.exposure(10)


def test_polar_columns_weight_and_time(tmp_path):
    source = MuonFile(write(tmp_path / "muons.csv", POLAR), first=0)
    particles, weight = muons(source, 0, 1, 2)
    np.testing.assert_allclose(particles.ux, [0.5, 0.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(particles.uz, [-np.sqrt(0.75), -1.0, -1.0])
    np.testing.assert_allclose(particles.momentum, [5.0, 6.0, 7.0])
    np.testing.assert_array_equal(weight, [2.0, 0.5, 1.0])
    assert source.exposure(10) == pytest.approx(30.0)


def test_parquet_reads_like_csv(tmp_path):
    rows = [[150.0, -20.0, 1.8, 3000.0, 0.0, -4.0], [0.0, 10.0, 1.8, 0.0, 0.0, -0.5]]
    names = ["x [cm]", "y [mm]", "z [m]", "px [MeV]", "py [GeV]", "pz"]
    parquet.write_table(pa.table(dict(zip(names, zip(*rows)))), tmp_path / "muons.parquet")
    ours, _ = muons(MuonFile(tmp_path / "muons.parquet", first=0), 0, 1)
    other, _ = muons(MuonFile(write(tmp_path / "muons.csv", CARTESIAN), first=0), 0, 1)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(other)):
        np.testing.assert_array_equal(a, b)


def test_units_can_be_given_for_bare_headers(tmp_path):
    path = write(tmp_path / "muons.csv", "x,y,z,px,py,pz\n100,0,0,0,0,-1\n")
    assert muons(MuonFile(path, units={"x": "cm"}), 0)[0].x[0] == pytest.approx(1.0)


def test_rows_repeat_beyond_the_end_with_a_warning(tmp_path):
    path = write(tmp_path / "muons.csv", POLAR)
    with pytest.warns(ValidityWarning, match="3 muons and 7 events"):
        source = MuonFile(path, events=7, first=0)
    np.testing.assert_allclose(muons(source, 2, 3, 4, 5, 6)[0].momentum, [7.0, 5.0, 6.0, 7.0, 5.0])


def test_every_key_begins_at_another_row(tmp_path):
    rows = "".join(f"0,0,1,10,0,{1 + row}\n" for row in range(50))
    source = MuonFile(write(tmp_path / "muons.csv", HEADER + rows))
    blank = blank_events(jnp.arange(50, dtype=jnp.uint32))
    draw = lambda number: np.asarray(source(blank, key=jax.random.key(number))[Particles].momentum)
    found = [draw(number) for number in range(40)]
    for momenta in found:  # the file's order, from some row on
        np.testing.assert_allclose(np.roll(momenta, int(momenta[0]) - 1), 1.0 + np.arange(50))
    assert len({float(momenta[0]) for momenta in found}) > 20
    np.testing.assert_array_equal(draw(3), found[3])


HEADER = "x [m],y,z,theta [deg],phi [deg],p [GeV]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "0,0,1,10,0,5\n0,0,1,ten,0,5\n", r"row 2 \(line 3\), column 'theta \[deg\]': found 'ten'"),
        (HEADER + "0,0,1,10,0,5\n0,0,1,10,0\n", r"row 2 \(line 3\): found 5 values, expected 6"),
        (HEADER + "0,0,1,10,0,5\n0,,1,10,0,5\n", r"row 2 \(line 3\), column 'y'"),
        (HEADER + "0,0,1,10,0,5\n0,0,1,10,0,nan\n", r"row 2 \(line 3\), column 'p': found nan"),
        (HEADER + "0,0,1,10,0,5\n0,0,1,120,0,5\n", r"row 2 \(line 3\), column 'theta'.*zenith angle"),
        (HEADER + "0,0,1,10,0,-5\n", r"row 1 \(line 2\), column 'p': found -5"),
        ("x,y,z,px,py,pz\n0,0,1,0,0,-1\n0,0,1,0,0,1\n", r"row 2 \(line 3\), column 'pz'.*downward-going"),
        ("x,y,z,px,py,pz,weight\n0,0,1,0,0,-1,-1\n", r"column 'weight'"),
        ("x,y,px,py,pz\n0,0,0,0,-1\n", r"missing columns 'z'"),
        ("x,y,z,px,py\n0,0,0,0,-1\n", r"missing columns 'pz' or 'theta', 'phi', 'p'"),
        ("a,b\n0,0\n", r"missing columns 'x', 'y', 'z'"),
        ("x,x [cm],y,z\n0,0,0,0\n", r"column 'x' occurs twice"),
        ("x,x,y,z\n0,0,0,0\n", r"column 'x' occurs twice"),
        (HEADER.replace("[m]", "[metre]") + "0,0,1,10,0,5\n", r"column 'x' has the unit 'metre'"),
        (
            HEADER.replace("x [m]", "x [GeV]") + "0,0,1,10,0,5\n",
            r"column 'x' has the unit 'GeV'; expected one of the kind of 'm'",
        ),
        (HEADER, r"no rows"),
        ("", r"file is empty"),
    ],
)
def test_bad_csv_names_the_place(tmp_path, text, message):
    path = write(tmp_path / "muons.csv", text)
    with pytest.raises(StageError, match=message) as caught:
        MuonFile(path)
    assert str(path) in str(caught.value)


def test_bad_parquet_names_the_place(tmp_path):
    with pytest.raises(StageError, match="not a readable Parquet file"):
        MuonFile(write(tmp_path / "muons.parquet", "no table"))
    good = {
        "x": [0.0, 0.0],
        "y": [0.0, 0.0],
        "z": [1.0, 1.0],
        "px": [0.0, 0.0],
        "py": [0.0, 0.0],
        "pz": [-1.0, None],
    }
    parquet.write_table(pa.table(good), tmp_path / "null.parquet")
    with pytest.raises(StageError, match="row 2, column 'pz': found nan"):
        MuonFile(tmp_path / "null.parquet")
    parquet.write_table(pa.table({**good, "pz": ["down", "down"]}), tmp_path / "text.parquet")
    with pytest.raises(StageError, match=r"column 'pz'.*expected numbers"):
        MuonFile(tmp_path / "text.parquet")


def test_unknown_and_absent_files(tmp_path):
    with pytest.raises(StageError, match=r"unknown format '.txt'"):
        MuonFile(write(tmp_path / "muons.txt", POLAR))
    with pytest.raises(StageError, match="there is no such file"):
        MuonFile(tmp_path / "absent.csv")


def test_root_file(tmp_path):
    path = tmp_path / "muons.root"
    if importlib.util.find_spec("uproot") is None:
        with pytest.raises(StageError, match=r"daedalus\[io\]"):
            MuonFile(write(path, "anything"))
        return
    import uproot

    columns = {"x": [100.0], "y": [0.0], "z": [1.0], "px": [0.0], "py": [0.0], "pz": [-2.0]}
    with uproot.recreate(path) as file:
        file["muons"] = {name: np.array(values) for name, values in columns.items()}
    particles, _ = muons(MuonFile(path, units={"x": "cm"}), 0)
    assert (particles.x[0], particles.momentum[0], particles.uz[0]) == (1.0, 2.0, -1.0)
    with pytest.raises(StageError, match="no tree 'muon'; found muons"):
        MuonFile(path, tree="muon")
    with pytest.raises(StageError, match="not a readable ROOT file"):
        MuonFile(write(tmp_path / "text.root", "no tree here"))

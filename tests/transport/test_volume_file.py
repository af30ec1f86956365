"""Volumes from files: round trips, files of VTK's own, and what is said of bad ones before any work is done."""

import base64
import io
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from daedalus.errors import DaedalusError, StageError
from daedalus.geometry import Voxels
from daedalus.physics.energy_loss import minimum_loss
from daedalus.physics.materials import material, names
from daedalus.transport import volume_fields
from daedalus.transport.volume import Volume
from daedalus.transport.volume_file import volume_from_file, volume_to_file, voxel_map_from_file
from daedalus.transport.voxel_map import VoxelMap
from damaged import damaged

h5py = pytest.importorskip("h5py")

FORMATS = ("npz", "h5", "vti")
SAMPLES = sorted((Path(__file__).parent / "vtk").glob("*.vti"))  # written by VTK 9.7
X, Y, Z = np.linspace(0.0, 1.0, 5), np.linspace(-0.3, 0.0, 4), np.linspace(0.0, 0.2, 3)
KIND = np.arange(24).reshape(4, 3, 2) % 3
TABLE = ("air", "hot liquid steel", "lead")
LENGTHS = 0.1 + 0.01 * np.arange(24).reshape(4, 3, 2)
MAPS = {
    "materials": VoxelMap(X, Y, Z, kind=KIND, materials=TABLE),
    "lengths": VoxelMap(X, Y, Z, X0=LENGTHS, density=10 * LENGTHS),
}


def same(one, other):
    """Whether two maps are equal, up to rounding of the edges."""
    for name in ("x", "y", "z", "kind", "X0", "density"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-15)
    assert one.materials == other.materials


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("voxels", MAPS.values(), ids=MAPS)
def test_round_trip(tmp_path, form, voxels):
    volume_to_file(tmp_path / f"map.{form}", voxels)
    same(voxel_map_from_file(tmp_path / f"map.{form}"), voxels)
    assert [path.name for path in tmp_path.iterdir()] == [f"map.{form}"]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_files_that_vtk_has_written(path):
    found = voxel_map_from_file(path)  # the first extent along x is from 1 to 5, the unit cm
    for axis, edges in {"x": [0, 0.1, 0.2, 0.3, 0.4], "y": [0, 0.2, 0.4, 0.6], "z": [0.05, 0.35, 0.65]}.items():
        np.testing.assert_allclose(getattr(found, axis), edges, atol=1e-15)
    if found.kind is None:
        np.testing.assert_allclose(found.X0, LENGTHS)
    else:
        np.testing.assert_array_equal(found.kind, KIND)
        assert found.materials == ("air", "lead", "hot liquid steel")


def test_a_volume_of_materials_is_that_of_the_table(tmp_path):
    volume_to_file(tmp_path / "map.npz", MAPS["materials"])
    found = volume_from_file(tmp_path / "map.npz")
    grid = Voxels(jnp.asarray(X), jnp.asarray(Y), jnp.asarray(Z))
    expected = Volume.of(grid, jnp.asarray(KIND), [material(name) for name in TABLE])
    for name in ("inverse_radiation_length", "minimum_ionisation", "characteristic", "screening"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    denser = VoxelMap(X, Y, Z, kind=KIND, materials=TABLE, density=np.full(KIND.shape, 2 * material("lead").density))
    lead = KIND == 2
    np.testing.assert_allclose(denser.volume().inverse_radiation_length[lead], 2 / material("lead").X0)
    np.testing.assert_allclose(denser.volume().minimum_ionisation[lead], 2 * minimum_loss(material("lead")))


def test_of_radiation_lengths_an_energy_loss_is_known_with_a_density_only(tmp_path):
    volume_to_file(tmp_path / "map.vti", VoxelMap(X, Y, Z, X0=LENGTHS))
    found = volume_from_file(tmp_path / "map.vti")
    np.testing.assert_allclose(found.inverse_radiation_length, 1 / LENGTHS)
    assert found.minimum_ionisation is None
    table = [material(name) for name in names() if name != "beryllium"]
    edges = np.arange(len(table) + 1.0), np.array([0.0, 1.0]), np.array([0.0, 1.0])
    column = lambda values: np.array(values)[:, None, None]
    lengths, densities = column([m.X0 for m in table]), column([m.density for m in table])
    loss = VoxelMap(*edges, X0=lengths, density=densities).volume().minimum_ionisation
    np.testing.assert_allclose(loss[:, 0, 0], [minimum_loss(m) for m in table], rtol=0.12)


def test_a_volume_is_written_as_its_radiation_lengths(tmp_path):
    volume_to_file(tmp_path / "map.h5", MAPS["materials"].volume())
    expected = np.array([material(name).X0 for name in TABLE])[KIND]
    np.testing.assert_allclose(voxel_map_from_file(tmp_path / "map.h5").X0, expected)


def test_origin_and_spacing_units_and_names_may_be_given(tmp_path):
    path = tmp_path / "map.npz"
    np.savez(path, **{"origin": [0, -30, 0], "spacing": [25, 10, 10], "material": np.asfortranarray(KIND)})
    found = voxel_map_from_file(path, units={"length": "cm"}, materials=TABLE)
    same(found, MAPS["materials"])
    texts = np.array(TABLE)[KIND]
    for kind in ("U", "S"):
        np.savez(path, **{"x [m]": X, "y [mm]": 1000 * Y, "z [cm]": 100 * Z, "material": texts.astype(kind)})
        found = voxel_map_from_file(path)
        assert found.materials == TABLE  # by name
        np.testing.assert_array_equal(np.array(found.materials)[found.kind], texts)
    with h5py.File(tmp_path / "map.h5", "w") as file:
        for name, values in {"x [m]": X, "y [m]": Y, "z [m]": Z}.items():
            file[name] = values
        file["material"] = texts.astype(object)
    assert voxel_map_from_file(tmp_path / "map.h5").materials == TABLE


def changed(array, place, value):
    """A copy of an array with one value changed."""
    copy = np.array(array)
    copy[place] = value
    return copy


EDGES = {"x [m]": X, "y [m]": Y, "z [m]": Z}
GOOD = {**EDGES, "X0 [m]": LENGTHS}
MATERIALS = {**EDGES, "material": KIND, "materials": np.array(TABLE)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({**EDGES, "X0": LENGTHS}, r"field 'X0': found no unit, expected one of the kind of 'm'; name it 'X0 \[m\]'"),
        ({**EDGES, "X0 [inch]": LENGTHS}, r"field 'X0': found the unit 'inch'.*Unknown unit"),
        ({**EDGES, "X0 [g/cm3]": LENGTHS}, r"field 'X0': found the unit 'g/cm3', expected one of the kind of 'm'"),
        ({**EDGES, "X0 [1/m99999]": LENGTHS}, r"field 'X0': found the unit"),
        ({**GOOD, "X0 [m]": changed(LENGTHS, (1, 2, 0), -1.0)}, r"field 'X0', voxel \(1, 2, 0\): found -1 m"),
        (
            {**GOOD, "X0 [m]": changed(LENGTHS, (1, 2, 0), 0.0)},
            r"voxel \(1, 2, 0\): found 0 m, expected a finite number",
        ),
        ({**GOOD, "X0 [m]": changed(LENGTHS, (3, 0, 1), np.nan)}, r"voxel \(3, 0, 1\): found nan m"),
        ({**GOOD, "X0 [m]": changed(LENGTHS, (3, 0, 1), np.inf)}, r"voxel \(3, 0, 1\): found inf m.*vacuum"),
        ({**GOOD, "X0 [m]": LENGTHS.T}, r"field 'X0': found the shape \(2, 3, 4\), expected \(4, 3, 2\)"),
        ({**GOOD, "X0 [m]": LENGTHS[0]}, r"field 'X0': found the shape \(3, 2\); expected axes x, y and z"),
        ({**GOOD, "X0 [m]": LENGTHS.astype(complex)}, r"field 'X0': found the type complex128; expected numbers"),
        ({**GOOD, "density [g/cm3]": -LENGTHS}, r"field 'density', voxel \(0, 0, 0\): found -0.1 g/cm3"),
        ({**GOOD, "density [g/cm3]": LENGTHS[:2]}, r"field 'density': found the shape \(2, 3, 2\)"),
        (
            {**GOOD, "x [m]": X[::-1]},
            r"field 'x', edges 0 and 1: found 1 m and then 0.75 m, expected edges that increase",
        ),
        ({**GOOD, "y [m]": changed(Y, 2, np.nan)}, r"field 'y', edge 2: found nan m"),
        ({**GOOD, "z [m]": 1e9 * Z}, r"field 'z', edge 1: found 1e\+08 m, expected .* at most 1e\+06 m"),
        ({**GOOD, "x [cm]": X}, r"field 'x' occurs twice, as 'x \[m\]' and as 'x \[cm\]'"),
        ({"y [m]": Y, "z [m]": Z, "X0 [m]": LENGTHS}, r"found 'y', 'z' for the edges; expected either"),
        ({**GOOD, "origin [m]": np.zeros(3)}, r"for the edges; expected either"),
        (
            {"origin [m]": X[:3], "spacing [m]": [1, 0, 1], "X0 [m]": LENGTHS},
            r"field 'spacing'.*three positive numbers",
        ),
        ({"origin [m]": X[:2], "spacing [m]": [1, 1, 1], "X0 [m]": LENGTHS}, r"field 'origin'.*three finite numbers"),
        (EDGES, r"missing the field 'material' or 'X0'.*found 'x', 'y', 'z'"),
        ({**GOOD, "material": KIND}, r"found the fields 'material' and 'X0'; expected one of them"),
        ({**EDGES, "material": KIND}, r"missing the field 'materials'"),
        (
            {**MATERIALS, "material": changed(KIND, (2, 1, 1), 3)},
            r"'material', voxel \(2, 1, 1\): found 3, expected an index",
        ),
        ({**MATERIALS, "material": changed(KIND, (2, 1, 1), -1)}, r"voxel \(2, 1, 1\): found -1"),
        (
            {**MATERIALS, "material": KIND + 0.0},
            r"field 'material': found the type float64; expected whole numbers or names",
        ),
        (
            {**MATERIALS, "materials": np.array(["air", "led", "iron"])},
            r"'materials', entry 1: .*'led'.*did you mean lead",
        ),
        ({**MATERIALS, "materials": np.arange(3)}, r"field 'materials': found the type int64; expected names"),
        ({**GOOD, "X0 [m]": np.array([[[{}]]])}, r"field 'X0': found pickled objects"),
        ({**GOOD, "X0 [m]": LENGTHS[:0]}, r"field 'X0': found no values"),
    ],
)
def test_a_bad_field_is_named_with_its_place(tmp_path, arrays, message):
    path = tmp_path / "map.npz"
    np.savez(path, **arrays)
    with pytest.raises(StageError, match=message) as caught:
        volume_from_file(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_no_file_or_cut_off(tmp_path, form):
    path = tmp_path / f"map.{form}"
    with pytest.raises(StageError, match="no such file"):
        volume_from_file(path)
    path.mkdir()
    with pytest.raises(StageError, match="there is a folder"):
        volume_from_file(path)
    path.rmdir()
    path.touch()
    with pytest.raises(StageError, match="the file is empty"):
        volume_from_file(path)
    path.write_bytes(b"no map")
    with pytest.raises(StageError, match="readable"):
        volume_from_file(path)
    volume_to_file(path, MAPS["materials"])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StageError, match=form):
        volume_from_file(path)
    with pytest.raises(StageError, match=r"unknown format '.txt'"):
        volume_from_file(tmp_path / "map.txt")
    with pytest.raises(StageError, match="cannot be written"):
        volume_to_file(tmp_path / "absent" / f"map.{form}", MAPS["materials"])


def test_what_is_too_large_is_refused_by_its_header(tmp_path, monkeypatch):
    path = tmp_path / "map.npz"
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**4,) * 3})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X0 [m].npy", head.getvalue())
    tracemalloc.start()
    with pytest.raises(
        StageError, match=r"field 'X0': found 1000000000000 values of 8 bytes; expected at most 50000000"
    ):
        volume_from_file(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    with h5py.File(tmp_path / "map.h5", "w") as file:
        file.create_dataset("X0", (10**4,) * 3, "f8", chunks=(10, 10, 10)).attrs["units"] = "m"
    with pytest.raises(StageError, match="found 1000000000000 values"):
        volume_from_file(tmp_path / "map.h5")
    volume_to_file(tmp_path / "map.vti", MAPS["lengths"])
    text = (tmp_path / "map.vti").read_text().replace("0 4 0 3 0 2", "0 9999 0 9999 0 9999")
    (tmp_path / "map.vti").write_text(text)
    with pytest.raises(StageError, match="found 999700029999 values"):
        volume_from_file(tmp_path / "map.vti")
    np.savez_compressed(path, **{**GOOD, "density [g/cm3]": np.zeros((40, 40, 40))})
    monkeypatch.setattr("daedalus.transport.volume_npz.MOST_BYTES", 10**5)
    with pytest.raises(StageError, match=r"found 5\d{5} bytes unpacked; expected at most 100000"):
        volume_from_file(path)
    monkeypatch.setattr(volume_fields, "MOST_BYTES", 1000)
    with pytest.raises(StageError, match="expected at most 1000"):
        volume_from_file(path)


def vti(cells, *, more="", head=""):
    """The text of an ImageData file of 4 x 3 x 2 voxels."""
    grid = 'WholeExtent="0 4 0 3 0 2" Origin="0 0 0" Spacing="1 1 1"'
    return (
        f'<?xml version="1.0"?>{head}<VTKFile type="ImageData" byte_order="LittleEndian" header_type="UInt64" {more}>'
        f'<ImageData {grid}><Piece Extent="0 4 0 3 0 2"><CellData>{cells}</CellData></Piece></ImageData></VTKFile>'
    )


def packed(blocks, size, rest, content):
    """A data array of blocks as VTK packs them, in base64."""
    sizes = np.array([blocks, size, rest, len(content)], "<u8").tobytes()
    return (base64.b64encode(sizes) + base64.b64encode(content)).decode()


ZLIB = 'compressor="vtkZLibDataCompressor"'
ARRAY = '<DataArray type="Float64" Name="X0 [m]" format="{}">{}</DataArray>'
BOMB = packed(1, 192, 0, zlib.compress(bytes(10**7)))
LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (vti("&a9;", head=f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]>'), "document type declaration"),
        (vti("&f;", head='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'), "document type declaration"),
        (vti("<a>" * 40 + "</a>" * 40), "32 within each other"),
        (vti("<a/>" * 10001), "more than 10000 elements"),
        (vti(ARRAY.format("binary", BOMB), more=ZLIB), "found a block of 193 bytes or more, expected 192 bytes"),
        (vti(ARRAY.format("binary", packed(2**40, 192, 0, b"")), more=ZLIB), "blocks of 192 bytes, expected 192 bytes"),
        (vti(ARRAY.format("binary", packed(1, 192, 0, b"none")), more=ZLIB), "damaged block"),
        (vti(ARRAY.format("binary", "AAAA")), "found 3 bytes where 8 are promised"),
        (vti(ARRAY.format("binary", "?" * 300)), "damaged base64"),
        (vti(ARRAY.format("ascii", "1 2 3")), "found 3 values, expected 24, one for each voxel"),
        (vti(ARRAY.format("ascii", "one")), "text that is no row of numbers"),
        (vti(ARRAY.format("appended", "")), "found the offset ''"),
        (vti(ARRAY.format("ascii", "1 " * 24)), "field 'origin': found no unit"),
        (vti("<DataArray type='Float64' Name='Z'/>"), "missing the cell data 'material' or .*found 'Z'"),
        (vti("<DataArray type='Float64' Name='X0 [m]' NumberOfComponents='3'/>"), "with 3 components"),
        (vti("", more='compressor="vtkLZ4DataCompressor"'), "found the compressor 'vtkLZ4DataCompressor'"),
        (vti("").replace('Extent="0 4 0 3 0 2"><', 'Extent="0 4 0 3 0 1"><'), "piece of another extent"),
        (vti("").replace("Spacing", 'Direction="0 1 0 1 0 0 0 0 1" Spacing'), "found the Direction"),
        (vti("").replace('"ImageData"', '"UnstructuredGrid"'), "found type 'UnstructuredGrid'"),
        ("<a><b>", "not readable as XML"),
    ],
)
def test_a_bad_vti_file(tmp_path, text, message):
    path = tmp_path / "map.vti"
    path.write_text(text)
    with pytest.raises(StageError, match=message):
        volume_from_file(path)


def test_uneven_edges_do_not_fit_into_vti(tmp_path):
    with pytest.raises(StageError, match=r"field 'z', edge 1: found edges that are not evenly spaced.*take .npz"):
        volume_to_file(tmp_path / "map.vti", VoxelMap(X, Y, np.array([0.0, 0.01, 0.2]), X0=LENGTHS))


def test_a_bad_hdf5_file(tmp_path, monkeypatch):
    def refused(message, **fields):
        with h5py.File(tmp_path / "map.h5", "w") as file:
            for name, value in fields.items():
                file[name] = value
        with pytest.raises(StageError, match=message):
            volume_from_file(tmp_path / "map.h5")

    refused("'X0': found a link to something elsewhere", X0=h5py.ExternalLink("other.h5", "X0"))
    refused("'X0': found a link to something elsewhere", X0=h5py.SoftLink("/y"), y=Y)
    refused("'X0': found no unit", x=X, y=Y, z=Z, X0=LENGTHS)
    refused("'materials': found the type float64", materials=X)
    refused("'X0': found the type", X0=np.zeros((1, 1, 1), [("a", "f8")]))
    with h5py.File(tmp_path / "map.h5", "w") as file:
        file.create_dataset("X0", data=LENGTHS, compression="lzf").attrs["units"] = "m"
    with pytest.raises(StageError, match="'X0': found the compression 'lzf'"):
        volume_from_file(tmp_path / "map.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    for use in (volume_from_file, lambda path: volume_to_file(path, MAPS["lengths"])):
        with pytest.raises(StageError, match=r"need the package h5py; install it with .*\[io\]"):
            use(tmp_path / "map.h5")


def test_a_library_that_comes_to_no_end_is_ended(tmp_path, monkeypatch):
    volume_to_file(tmp_path / "map.h5", MAPS["lengths"])
    monkeypatch.setattr("daedalus.transport.volume_hdf5.PATIENCE_WITH_LIST", 0.001)  # it takes longer to begin
    with pytest.raises(StageError, match="crashed on the file, or came to no end; it is damaged"):
        volume_from_file(tmp_path / "map.h5")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Good files of each format, as bytes, and a place for damaged ones."""
    folder = tmp_path_factory.mktemp("good")
    found = {"vti": [path.read_bytes() for path in SAMPLES]}
    for form in FORMATS:
        for voxels in MAPS.values():
            volume_to_file(folder / f"map.{form}", voxels)
            found.setdefault(form, []).append((folder / f"map.{form}").read_bytes())
    np.savez(folder / "map.npz", **GOOD)
    found["npz"].append((folder / "map.npz").read_bytes())
    return folder, found


@pytest.mark.parametrize(("form", "examples"), [("npz", 150), ("vti", 150), ("h5", 12)])
def test_no_damaged_file_escapes(good, form, examples):
    folder, files = good
    path = folder / f"damaged.{form}"

    @settings(max_examples=examples)
    @given(content=damaged(files[form]))
    def holds(content):
        path.write_bytes(content)
        try:
            volume_from_file(path)
        except DaedalusError as error:
            assert str(path) in str(error)  # noqa: PT017

    holds()

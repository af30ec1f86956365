"""Spaces: the round trip between designs and the unit cube."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.toys import Ruler, ruler
from daedalus.core import Design, Exchange, Point, Space, learned, parameter
from daedalus.errors import DesignError


class Rack(Design):
    """Whole numbers, choices and a nested design."""

    planes: jax.Array = parameter(2.0, 7.0, "1", doc="how many", kind="whole")
    material: jax.Array = parameter(0.0, 2.0, "1", doc="of what", kind="choice", choices=("Pb", "Fe", "Cu"))
    ruler: Ruler


class Pair(Design):
    """Two panels that may be exchanged."""

    symmetries = (Exchange(("z", "price"), "z"),)
    z: jax.Array = parameter(0.0, 1.0, "m", doc="height")
    price: jax.Array = parameter(0.0, 10.0, "EUR", doc="price")


def rack():
    return Rack(4.0, 1.0, ruler())


def test_names_units_and_bounds():
    space = Space.of(rack())
    assert space.names == ("planes", "material", "ruler.centre", "ruler.width[0]", "ruler.width[1]")
    assert space.entries[3].column == "ruler.width[0] [cm]"
    assert (space.lower == [2, 0, -1, 0.5, 1]).all()
    assert (space.upper == [7, 2, 3, 2, 4]).all()
    assert space.whole.tolist() == [True, True, False, False, False]


def test_bounds_are_met_exactly():
    space = Space.of(rack())
    for value, bound in ((0.0, space.lower), (1.0, space.upper)):
        assert (np.asarray(space.values(space.design(jnp.full(5, value)))) == bound).all()


@pytest.mark.parametrize("bounds", [(0.1, 0.7), (-0.3, 1e-7), (1 / 3, 1e6), (-7.7, -1.1)])
@pytest.mark.parametrize("wide", [True, False])
def test_bounds_are_exact_in_both_precisions(bounds, wide):
    class One(Design):
        a: jax.Array = parameter(*bounds, "m", doc="a")

    with jax.enable_x64(wide):
        space = Space.of(One(bounds[0]))
        for value, bound in zip((0.0, 1.0), bounds, strict=True):
            design = space.design(jnp.array([value]))
            assert design.a.dtype == jnp.result_type(float)
            assert design.a == np.asarray(bound, design.a.dtype)


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_round_trip(cube):
    space = Space.of(rack())
    once = space.cube(space.design(jnp.array(cube)))
    continuous = ~space.whole
    assert np.allclose(np.asarray(once)[continuous], np.asarray(cube)[continuous], rtol=0, atol=4e-15)
    again = space.design(once)
    assert (
        np.asarray(space.values(again))[space.whole] == np.round(np.asarray(space.values(again))[space.whole])
    ).all()
    assert (space.values(again)[:2] == space.values(space.design(jnp.array(cube)))[:2]).all()


@given(st.integers(2, 7), st.integers(0, 2))
def test_whole_numbers_come_back_exactly(planes, material):
    space = Space.of(rack())
    design = Rack(float(planes), float(material), ruler())
    back = space.design(space.point(design))
    assert int(back.planes) == planes
    assert int(back.material) == material


def test_learned_leaves_travel_beside_the_cube():
    space = Space.of(ruler())
    point = space.point(ruler())
    assert jax.tree.leaves(point.learned)[0].tolist() == [0.3, -0.2]
    trained = Point(point.cube, jax.tree.map(lambda leaf: leaf + 1, point.learned))
    assert space.design(trained).offset["a"].tolist() == [1.3, 0.8]
    assert not any("offset" in name for name in space.names)


def test_frozen_parameters_keep_their_values():
    space = Space.of(ruler()).freeze("width")
    assert space.names == ("centre",)
    design = space.design(jnp.array([0.25]))
    assert float(design.centre) == 0.0
    assert design.width.tolist() == [1.0, 2.0]
    with pytest.raises(DesignError, match=r"(?s)no free parameter is called 'widht'.*width"):
        Space.of(ruler()).freeze("widht")


def test_narrow():
    space = Space.of(ruler()).narrow({"centre": (0.0, 2.0)})
    assert float(space.design(jnp.array([1.0, 0, 0])).centre) == 2.0
    with pytest.raises(DesignError, match="cannot be narrowed"):
        space.narrow({"centre": (-0.5, 1.0)})


def test_canonical_order_takes_rows_along():
    design = Pair(jnp.array([0.2, 0.9, 0.5]), jnp.array([2.0, 9.0, 5.0]))
    ordered = Space.of(design).canonical(design)
    assert ordered.z.tolist() == [0.9, 0.5, 0.2]
    assert ordered.price.tolist() == [9.0, 5.0, 2.0]


def test_canonical_order_of_nested_designs():
    class Two(Design):
        upper: Pair
        lower: Pair

    pair = lambda *z: Pair(jnp.array(z), 10 * jnp.array(z))
    ordered = Space.of(Two(pair(0.1, 0.2), pair(0.3, 0.4))).canonical(Two(pair(0.1, 0.2), pair(0.3, 0.4)))
    assert ordered.upper.z.tolist() == [0.2, 0.1]
    assert ordered.lower.price.tolist() == [4.0, 3.0]


def test_a_design_out_of_bounds_is_refused_in_its_own_unit():
    bad = Ruler(2.0, jnp.array([1.0, 5.0]), {"a": jnp.zeros(2)})
    with pytest.raises(DesignError, match=r"width\[1\] is 500 cm; expected 100 to 400 cm"):
        Space.of(bad).check(bad)
    nan = Ruler(jnp.nan, jnp.array([1.0, 2.0]), {"a": jnp.zeros(2)})
    with pytest.raises(DesignError, match="centre is nan"):
        Space.of(nan).check(nan)


def test_bad_declarations():
    with pytest.raises(DesignError, match="lower < upper"):
        parameter(1.0, 1.0, "m", doc="nothing")
    with pytest.raises(DesignError, match="finite"):
        parameter(0.0, jnp.inf, "m", doc="unbounded")
    with pytest.raises(DesignError, match="choice"):
        parameter(0.0, 3.0, "1", doc="of two", kind="choice", choices=("a", "b"))

    class Naked(Design):
        a: jax.Array = parameter(0.0, 1.0, "m", doc="a")
        b: float = 0.0

    with pytest.raises(DesignError, match="field b of Naked has no data sheet"):
        Space.of(Naked(0.5))

    class Three(Design):
        a: jax.Array = parameter((0.0, 0.0, 0.0), 1.0, "m", doc="three")

    with pytest.raises(DesignError, match="do not fit its shape"):
        Space.of(Three(jnp.zeros(2)))


def test_a_design_shows_itself_as_a_data_sheet():
    html = ruler()._repr_html_()
    assert "<td>width[1]</td><td>200</td><td>cm</td><td>100 to 400</td>" in html


def test_the_gradient_passes_through_the_map():
    space = Space.of(ruler())
    slope = jax.grad(lambda cube: space.design(cube).centre)(jnp.array([0.3, 0.3, 0.3]))
    assert np.allclose(slope, [4.0, 0, 0])


def test_learned_needs_no_bounds():
    class Soft(Design):
        a: jax.Array = parameter(0.0, 1.0, "m", doc="a")
        net: jax.Array = learned(doc="net")

    space = Space.of(Soft(0.5, jnp.full(3, 1e9)))
    space.check(space.template)
    assert space.size == 1

"""The explorer's views: what is too small to be seen gets a dot, and a ground is seen from the top alone."""

import numpy as np

from daedalus.app.explorer.views import layout_figure
from daedalus.catalogue import load, offer, resolved


def drawn(name, **options):
    """The figure of a problem's start, against itself."""
    problem, found = load(name, **options), offer(name)
    elements = tuple(resolved(found.layout)(problem, problem.start))
    ground = resolved(found.ground)(problem) if found.ground else None
    return problem, layout_figure(elements, elements, "start", ground)


def test_units_of_an_array_are_dots_where_they_stand_seen_from_the_top():
    problem, figure = drawn("ground_array/swgo_flux", units=12)
    axes = [name for name in figure["layout"] if name.startswith("xaxis")]
    assert axes == ["xaxis"]
    assert {trace["xaxis"] for trace in figure["data"]} == {"x"}
    own = [trace for trace in figure["data"] if trace["mode"] == "markers" and "symbol" not in trace["marker"]]
    places = np.stack([np.concatenate([trace[axis] for trace in own]) for axis in "xy"], 1)
    np.testing.assert_allclose(np.sort(places, 0), np.sort(np.asarray(problem.start.places) / 1e3, 0), atol=1e-6)


def test_what_can_be_seen_has_no_dot():
    _, figure = drawn("muon_tomography/ladle_fill_level")
    assert {"xaxis", "xaxis2"} <= set(figure["layout"])
    assert all(trace["mode"] == "lines" for trace in figure["data"])

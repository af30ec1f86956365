"""Random workspaces against pyhf: likelihoods of any structure, fits and CLs of one whose numbers vary."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daedalus.inference.histfactory.asymptotics import hypothesis_test
from daedalus.inference.histfactory.workspace import document_of, workspace_of
from inference.histfactory import workspaces
from inference.histfactory.peer import Peer, points
from inference.histfactory.workspaces import modifier, norm, sample, shape, workspace

TEST = eqx.filter_jit(hypothesis_test)
counts = st.floats(0.5, 200.0)
factor = st.floats(0.7, 1.4)


@st.composite
def modifiers(draw, data, channel, name):
    """Some modifiers of a sample; names of one kind are shared where pyhf allows it."""
    scaled = lambda: [n * draw(factor) for n in data]
    errors = lambda: [n * draw(st.sampled_from([0.0, 0.05, 0.2])) for n in data]
    made = {
        "norm": lambda: norm(draw(st.sampled_from(["n1", "n2", "both"])), draw(factor), draw(factor)),
        "shape": lambda: shape(draw(st.sampled_from(["h1", "both"])), scaled(), scaled()),
        "free": lambda: modifier("normfactor", draw(st.sampled_from(["mu", "k"]))),
        "lumi": lambda: workspaces.modifier("lumi", "lumi"),
        "bins": lambda: modifier("shapesys", f"bins_{channel}_{name}", errors()),
        "simulation": lambda: modifier("staterror", f"stat_{channel}", errors()),
        "shape_free": lambda: modifier("shapefactor", f"free_{channel}"),
    }
    kinds = draw(st.lists(st.sampled_from(list(made)), unique=True, max_size=4))
    return [made[kind]() for kind in kinds]


@st.composite
def documents(draw):
    """One to three channels in any order, with one to three samples of one to four bins."""
    channels, observed = {}, {}
    for channel in draw(st.lists(st.sampled_from("zab"), unique=True, min_size=1, max_size=3)):
        bins = draw(st.integers(1, 4))
        samples = [sample("s", [draw(counts) for _ in range(bins)], workspaces.MU)]
        for name in draw(st.lists(st.sampled_from("bc"), unique=True, max_size=2)):
            data = [draw(counts) for _ in range(bins)]
            samples.append(sample(name, data, *draw(modifiers(data, channel, name))))
        channels[channel], observed[channel] = samples, [draw(st.integers(0, 300)) for _ in range(bins)]
    return workspace(channels, observed, [workspaces.LUMI])


@settings(max_examples=16)
@given(documents())
def test_likelihoods_of_any_structure_are_the_same(document):
    read = workspace_of(document)
    model = read.model()
    data, peer = read.data(model), Peer.of(document, model)
    for point in points(model, 1):
        ours = float(model.log_likelihood(jnp.asarray(point), data))
        assert ours == pytest.approx(peer.log_likelihood(point), rel=1e-11)
    np.testing.assert_allclose(peer.flat(data), peer.data, rtol=1e-14)
    assert document_of(read) == document


@st.composite
def experiments(draw):
    """Two channels of one structure, with moderate systematics and any counts near what is expected."""
    near = lambda values, spread: [value * (1 + draw(st.floats(-spread, spread))) for value in values]
    signal, background, control = near([5.0, 9.0], 0.6), near([40.0, 25.0], 0.6), near([90.0], 0.3)
    up, down = near([1.06, 0.97], 0.05), near([0.95, 1.03], 0.05)
    product = lambda values, factors: [a * b for a, b in zip(values, factors, strict=True)]
    b_norm = norm("b_norm", draw(st.floats(0.8, 0.97)), draw(st.floats(1.03, 1.25)))
    signal_region = [
        sample("s", signal, workspaces.MU, norm("s_norm", draw(st.floats(0.85, 0.97)), draw(st.floats(1.02, 1.2)))),
        sample("b", background, b_norm, shape("tilt", product(background, down), product(background, up)),
               modifier("staterror", "stat", product(background, near([0.06, 0.06], 0.5)))),
    ]  # fmt: skip
    control_region = [sample("b", control, modifier("shapesys", "bins", product(control, near([0.1], 0.5))), b_norm)]
    strength = draw(st.floats(0.0, 2.0))
    expected = [strength * s + b for s, b in zip(signal, background, strict=True)]
    fluctuated = [max(0, round(n + draw(st.floats(-2, 2)) * n**0.5)) for n in [*expected, *control]]
    return workspace({"a": signal_region, "b": control_region}, {"a": fluctuated[:2], "b": fluctuated[2:]})


@settings(max_examples=8)
@given(experiments(), st.sampled_from([0.6, 1.0, 2.3]))
def test_fits_and_limits_are_the_same_whatever_the_numbers(document, mu):
    read = workspace_of(document)
    model = read.model()
    data, peer = read.data(model), Peer.of(document, model)
    found = TEST(model, data, jnp.asarray(mu))
    assert found.converged
    theirs = peer.best_fit("qtilde")
    assert peer.log_likelihood(found.free.value) > peer.log_likelihood(theirs) - 1e-9
    np.testing.assert_allclose(found.free.value, theirs, atol=1e-4)
    cls, bands = peer.cls(mu, "qtilde")
    assert float(found.cls) == pytest.approx(cls, rel=1e-4)
    np.testing.assert_allclose(found.expected, bands, rtol=1e-4)

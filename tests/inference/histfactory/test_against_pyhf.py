"""The same JSON in both: likelihoods, Asimov data, best fits, CLs with bands and p-values as pyhf's."""

import json
from functools import partial

import jax.numpy as jnp
import numpy as np
import pyhf
import pytest

from daedalus.inference.histfactory.asymptotics import discovery, expected_discovery, hypothesis_test
from daedalus.inference.histfactory.fits import fit
from daedalus.inference.histfactory.limits import upper_limit
from daedalus.inference.histfactory.workspace import document_of, read_workspace, write_workspace
from inference.histfactory.compiled import compiled
from inference.histfactory.peer import CASES, Peer, case, points

# every case is a program of its own that takes seconds to compile: some stand for all in the quick tests
QUICK = {"counting", "correlated", "regions", "data_driven", "exact_bins", "asymmetric", "fixed", "code0"}
FITTED = [pytest.param(name, marks=pytest.mark.slow) if name not in QUICK else name for name in CASES]


@pytest.mark.parametrize("name", CASES)
def test_likelihoods_are_the_same_everywhere(name):
    known = case(name)
    for point in points(known.model):
        ours = float(known.model.log_likelihood(jnp.asarray(point), known.data))
        assert ours == pytest.approx(known.peer.log_likelihood(point), rel=1e-12)


@pytest.mark.parametrize("name", ["regions", "data_driven", "fixed", "exact_bins", "common_statistics", "everything"])
def test_what_is_expected_is_the_same_auxiliary_measurements_included(name):
    known = case(name)
    for point in points(known.model, 2):
        asimov = known.model.asimov(jnp.asarray(point))
        theirs = known.peer.model.expected_data(known.peer.theirs(point))
        np.testing.assert_allclose(known.peer.flat(asimov), theirs, rtol=1e-13)
        ours = float(known.model.log_likelihood(jnp.asarray(point), asimov))
        assert ours == pytest.approx(known.peer.log_likelihood(point, theirs), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_documents_come_back_as_they_went_in(name, tmp_path):
    known = case(name)
    (tmp_path / "theirs.json").write_text(json.dumps(pyhf.Workspace(known.document)))
    read = read_workspace(tmp_path / "theirs.json")
    write_workspace(tmp_path / "ours.json", read)
    written = json.loads((tmp_path / "ours.json").read_text())
    assert written == document_of(known.workspace)
    again = Peer.of(written, known.model)
    before = Peer.of(known.document, known.model)
    for point in points(known.model, 1):
        assert again.log_likelihood(point) == before.log_likelihood(point)
    assert again.bounds("q") == before.bounds("q")
    assert again.model.config.suggested_init() == before.model.config.suggested_init()
    assert again.model.config.suggested_fixed() == before.model.config.suggested_fixed()


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("theirs")])
def test_documents_of_ours_are_equal_entry_by_entry(name):
    assert document_of(case(name).workspace) == case(name).document


def assert_best(found, known, statistic):
    """Nowhere does theirs find more likely parameters, and they are the same."""
    assert found.converged
    theirs = known.peer.best_fit(statistic)
    ours, best = known.peer.log_likelihood(found.value), known.peer.log_likelihood(theirs)
    assert ours == pytest.approx(best, rel=1e-6)
    assert ours > best - 1e-9
    np.testing.assert_allclose(found.value, theirs, atol=2e-5)


@pytest.mark.parametrize("name", FITTED)
def test_fits_and_limits_are_the_same(name):
    known = case(name)
    mu = 2.0 if name == "data_driven" else 1.0
    found = compiled(partial(hypothesis_test, mu=mu))(known.model, known.data)
    assert found.converged
    assert_best(found.free, known, "qtilde")
    cls, bands = known.peer.cls(mu, "qtilde")
    assert float(found.cls) == pytest.approx(cls, rel=2e-6)
    np.testing.assert_allclose(found.expected, bands, rtol=2e-6)


@pytest.mark.parametrize(
    "name", ["deficit", *(pytest.param(n, marks=pytest.mark.slow) for n in ("regions", "uncorrelated"))]
)
def test_the_statistic_without_a_floor_is_the_same(name):
    known = case(name)
    found = compiled(partial(hypothesis_test, statistic="q"))(known.model, known.data)
    cls, bands = known.peer.cls(1.0, "q")
    assert_best(found.free, known, "q")
    assert float(found.cls) == pytest.approx(cls, rel=2e-6)
    np.testing.assert_allclose(found.expected, bands, rtol=2e-6)
    if name == "deficit":
        assert float(found.free.value[known.model.poi]) < -0.5


@pytest.mark.parametrize(
    "name", ["counting", *(pytest.param(n, marks=pytest.mark.slow) for n in ("correlated", "regions", "many_bins"))]
)
def test_discoveries_are_the_same(name):
    known = case(name)

    def all_of_them(model, data):
        held = fit(model, data, held={"mu": 1.0})
        return discovery(model, data), discovery(model, model.asimov(held.value)), expected_discovery(model)

    seen, after, before = compiled(all_of_them)(known.model, known.data)
    assert seen.converged & after.converged & before.converged
    p0, bands = known.peer.cls(0.0, "q0")
    assert float(seen.p0) == pytest.approx(p0, rel=1e-5)
    assert float(after.p0) == pytest.approx(bands[2], rel=1e-5)  # theirs: with the nuisances fitted to the data
    truth = known.model.start.at[known.model.poi].set(1.0)
    theirs = known.peer.model.expected_data(known.peer.theirs(truth)).tolist()
    p0, _ = Peer(known.peer.model, theirs, known.peer.place, known.peer.bins).cls(0.0, "q0")
    assert float(before.p0) == pytest.approx(p0, rel=1e-5)


@pytest.mark.slow
def test_upper_limits_are_the_same():
    known = case("regions")
    found = compiled(upper_limit)(known.model, known.data)
    assert found.converged.all()
    for mu, number in ((found.observed, None), (found.expected[0], 0), (found.expected[4], 4)):
        cls, bands = known.peer.cls(float(mu), "qtilde")
        assert (cls if number is None else bands[number]) == pytest.approx(0.05, rel=1e-5)

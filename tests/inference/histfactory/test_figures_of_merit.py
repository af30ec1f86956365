"""Figures of merit: closed forms of counting, agreement with the full tests, and what cannot be found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from daedalus.inference.histfactory.asymptotics import hypothesis_test
from daedalus.inference.histfactory.figures_of_merit import MERITS, expected_exclusion
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.templates import Channel, HistoSys, NormFactor, NormSys, Sample


def counting(s=12.0, b=50.0):
    return BinnedModel.of([Channel("all", (Sample("s", [s], (NormFactor("mu"),)), Sample("b", [b])))], "mu")


def shaped(turn=0.0):
    """Two shape systematics and a normalisation, templates that depend on a number."""
    signal = Sample("s", jnp.array([2.0, 6.0 + turn, 9.0]), (NormFactor("mu"),))
    shape = HistoSys("shape", jnp.array([48.0, 33.0, 21.0 + turn]), jnp.array([55.0, 26.0, 18.0]))
    return BinnedModel.of(
        [Channel("all", (signal, Sample("b", [50.0, 30.0 - turn, 20.0], (shape, NormSys("norm", 0.9, 1.1)))))], "mu"
    )


def test_counting_is_in_closed_form():
    s, b = 12.0, 50.0
    exclusion, discovery = 2 * (s - b * np.log1p(s / b)), 2 * ((s + b) * np.log1p(s / b) - s)
    expected = {
        "cls": norm.logsf(np.sqrt(exclusion)) + np.log(2),
        "discovery": norm.logsf(np.sqrt(discovery)),
        "uncertainty": np.log(np.sqrt(s + b) / s),
        "generalised_variance": np.log(np.sqrt(b) / s),
    }
    for name, value in expected.items():
        found = MERITS[name](counting(s, b))
        assert bool(found.sound)
        assert float(found.value) == pytest.approx(value, rel=1e-9)
        assert float(found.loss) == float(found.value)


@pytest.mark.slow
def test_one_fit_says_what_four_do():
    model = shaped()
    full = hypothesis_test(model, model.asimov(model.start.at[0].set(0.0)), 1.3)
    found = expected_exclusion(model, 1.3)
    assert float(found.log_cls) == pytest.approx(float(full.log_expected[2]), rel=1e-9)
    assert float(found.log_cls) == pytest.approx(float(full.log_cls), rel=1e-6)  # the data are the median ones


@pytest.mark.parametrize("name", sorted(MERITS))
def test_derivatives_by_templates(name):
    run = jax.jit(lambda turn: MERITS[name](shaped(turn)).value)
    step = 1e-4
    difference = float(run(0.3 + step) - run(0.3 - step)) / (2 * step)
    assert float(jax.jit(jax.grad(run))(0.3)) == pytest.approx(difference, rel=1e-6)


def test_what_cannot_be_found_says_so():
    nothing = counting(s=0.0)
    for name in ("uncertainty", "generalised_variance"):
        found = MERITS[name](nothing)
        assert not bool(found.sound)
        assert float(found.loss) == np.inf
    assert float(MERITS["cls"](nothing).value) == pytest.approx(0.0, abs=1e-12)  # no signal, nothing excluded: CLs 1

"""Sampling: the moments of known densities, the diagnostics, and the weights of two basins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.landscapes import LandscapeError
from daedalus.landscapes.chains import mala_samples, nuts_samples
from daedalus.landscapes.sampling import log_density, temperature
from daedalus.landscapes.surface import analytic
from daedalus.landscapes.tempering import tempered_samples
from landscapes.valleys import fenced

KEY = jax.random.key(11)
SIZE = 20
NAMES = tuple(f"x{i}" for i in range(SIZE))
HEAT = 0.5  # [loss]


def loss(x):
    """A Gaussian with spreads of 1/20 to 1/60 of the cube at temperature one, two of its parameters correlated."""
    scaled = (x - 0.5) * jnp.linspace(20.0, 60.0, SIZE)
    return 0.5 * jnp.sum(scaled**2) + 0.4 * scaled[0] * scaled[1]


GAUSS = analytic(loss, NAMES)
SETTINGS = {
    mala_samples: {"chains": 8, "warmup": 500, "draws": 4000},
    nuts_samples: {"chains": 4, "warmup": 300, "draws": 500},
}


@pytest.fixture(scope="module", params=list(SETTINGS), ids=lambda method: method.__name__)
def samples(request):
    return request.param(GAUSS, np.full((1, SIZE), 0.45), temperature=HEAT, key=KEY, **SETTINGS[request.param])


def test_chains_agree_and_are_worth_many_draws(samples):
    assert np.all(samples.rhat < 1.01)
    assert np.all(samples.effective > 400)
    assert np.all(samples.effective < 2.5 * samples.losses.size)
    assert samples.divergent == 0
    assert 0.4 < samples.acceptance < 0.97


def test_moments_of_a_gaussian_at_a_temperature(samples):
    covariance = HEAT * np.linalg.inv(np.asarray(jax.hessian(loss)(jnp.full(SIZE, 0.5))))
    spread = np.sqrt(np.diag(covariance))
    draws = samples.cubes.reshape(-1, SIZE)
    assert (draws.mean(0) - 0.5) / spread == pytest.approx(np.zeros(SIZE), abs=0.2)  # 4 / sqrt(400)
    assert draws.var(0) / np.diag(covariance) == pytest.approx(np.ones(SIZE), abs=0.25)
    assert np.corrcoef(draws[:, 0], draws[:, 1])[0, 1] == pytest.approx(-0.4, abs=0.12)
    # (loss - best) / T is a gamma variable of shape d / 2
    assert samples.losses.mean() / HEAT == pytest.approx(SIZE / 2, rel=0.05)


def test_losses_belong_to_their_places(samples):
    assert samples.losses[:, -3:].ravel() == pytest.approx(GAUSS.heights(samples.cubes[:, -3:].reshape(-1, SIZE)).loss)
    assert np.all(np.isneginf(samples.excess))


def test_evaluations_are_counted(samples):
    if samples.method == "MALA":  # one a step
        assert samples.evaluations == 8 * (500 + 4000)
    else:
        assert 4 * 800 < samples.evaluations <= 4 * (300 + 540) * 64


def test_the_density_is_that_of_the_cube():
    """Uniform losses: the logits are logistic, so that u is uniform; pinned at a place by value."""
    flat = analytic(lambda x: 0.0 * x[0], ("a",))
    density = log_density(flat, 1.0, 10.0)
    assert float(density(jnp.array([0.7]))) == pytest.approx(np.log(np.exp(-0.7) / (1 + np.exp(-0.7)) ** 2))
    found = mala_samples(flat, np.array([[0.5]]), temperature=1.0, key=KEY, chains=4, draws=2000, thin=2)
    assert np.quantile(found.cubes, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.04)


def test_a_constraint_presses():
    """Beyond a + b = 1 the density falls with exp(-pressure * excess / T): one half of the draws' mass goes."""
    found = mala_samples(fenced(), np.array([[0.4, 0.4]]), temperature=0.02, key=KEY, pressure=100.0, draws=1000)
    assert np.mean(found.excess <= 1e-3) > 0.95
    assert found.excess.ravel() == pytest.approx(found.cubes.reshape(-1, 2).sum(1) - 1)


def test_tempered_populations_weigh_two_basins_rightly():
    """Seven tenths of the mass in a wide basin, three in a narrow one: neither depth nor width alone decides."""
    peak = lambda x, at, width: jnp.exp(-0.5 * jnp.sum((x - at) ** 2) / width**2) / width**2
    density = lambda x: 0.7 * peak(x, -1.0, 0.2) + 0.3 * peak(x, 1.0, 0.1)
    surface = analytic(lambda x: -jnp.log(density(x) + 1e-300), ("a", "b"), (-3.0, 3.0))
    found = tempered_samples(surface, temperature=1.0, key=KEY, populations=4, members=1000)
    values = surface.values(found.cubes)
    left = values[..., 0] < 0
    assert left.mean() == pytest.approx(0.7, abs=0.06)
    assert values[left].std(0) == pytest.approx([0.2, 0.2], rel=0.1)
    assert values[~left].std(0) == pytest.approx([0.1, 0.1], rel=0.1)
    # 2 pi of mass over 36 of area
    assert np.mean(np.exp(found.log_evidence)) == pytest.approx(2 * np.pi / 36, rel=0.1)
    assert np.all(found.rhat < 1.02)
    assert np.all(found.effective > 1000)


def test_the_temperature_fills_the_allowance():
    assert temperature(2.0, 20) == pytest.approx(2.0 / 11)


@pytest.mark.parametrize("how", [{"chains": 1, "temperature": 1.0}, {"chains": 2, "temperature": 0.0}])
def test_chains_that_cannot_be_are_refused(how):
    with pytest.raises(LandscapeError, match="two chains or more"):
        mala_samples(GAUSS, np.full((1, SIZE), 0.5), key=KEY, **how)

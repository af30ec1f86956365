"""The telescope: law, cost, derivatives, and that a short search finds what physics says it must."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.catalogue import Study
from daedalus.core import Derivative, scoring_key
from daedalus.detectors.telescope import evenly_spaced
from daedalus.detectors.telescope_cost import cost, prices
from daedalus.errors import ProblemError
from daedalus.search import optimise
from daedalus.studies.tracking import STUDY
from daedalus.studies.tracking.problem import (
    COST_SCALE,
    IMPACT_SCALE,
    SPAN,
    resolution,
    telescope,
    telescope_recipe,
)
from daedalus.units import EUR

KEY = jax.random.key(5)
PROBLEM = telescope()


@pytest.mark.parametrize("name", ["start", "even"])
def test_real_strips_agree_with_the_closed_form(name):
    design = {"start": PROBLEM.start, **PROBLEM.references}[name]
    found = PROBLEM.evaluate(design, key=KEY, events=128, scenarios=64)
    law, error = float(found.values["impact_expected"]), float(found.errors["impact"])
    assert 0.002 < error / law < 0.02
    assert float(found.values["impact"]) == pytest.approx(law, abs=4 * error)
    assert float(found.values["impact_rms"]) > float(found.values["impact"])


def test_hard_momenta_leave_the_resolution_and_soft_ones_the_scattering():
    design = evenly_spaced(5, nearest=0.08, pitch=5e-5, thickness=3e-4)
    # beyond all scattering: five planes, s = 50 um / sqrt(12), L = 0.52 m, d = 0.34 m (Gluckstern 1963)
    hard = 50e-6 / np.sqrt(12) * np.sqrt(1 / 5 * (1 + 12 * 4 / 6 * (0.34 / 0.52) ** 2))
    assert float(resolution(design, jnp.asarray(1e6))) == pytest.approx(hard, rel=1e-6)
    # far below: the kick of the first plane times its distance, Highland for 1.5 mm of silicon (X0 = 9.37 cm)
    momentum, total = 0.02, 1.5e-3 / 0.0937
    theta = 0.0136 / (momentum**2 / np.hypot(momentum, 0.13957)) * np.sqrt(total) * (1 + 0.038 * np.log(total))
    soft = 0.08 * theta / np.sqrt(5)
    assert float(resolution(design, jnp.asarray(momentum))) == pytest.approx(soft, rel=2e-3)


def test_cost_is_the_sum_of_its_table():
    design = evenly_spaced(4, nearest=0.1, pitch=1e-4, thickness=1.5e-4)
    assert prices() == pytest.approx({"channel": 2.0, "sensor": 1e5, "thinning": 1e5})
    # 4 planes x 2000 channels x 2 EUR + 4 x 100 cm2 x (10 + 20) EUR / cm2
    assert float(cost(design, SPAN)) == pytest.approx(16000 + 12000, rel=1e-9)


def test_derivatives_equal_finite_differences():
    events, scenarios = 16, 4
    partition = PROBLEM.partition(events, scenarios)

    @jax.jit
    def run(point):  # common random numbers make this a smooth function
        summaries, truths = PROBLEM.summaries(point, key=KEY, partition=partition, softness=1.0)
        design = PROBLEM.space.design(point)
        values = {o.name: o.function(design, summaries, truths) for o in PROBLEM.objectives}
        return PROBLEM.machine_loss(values)

    design = evenly_spaced(5, nearest=0.1, pitch=8e-5, thickness=3e-4)
    point = PROBLEM.space.point(design)
    gradient = jax.jit(jax.grad(run))(point).cube
    for axis in (0, 1, 3, 5, 7, 9, 10, 12, 14):  # z[4] is at its bound
        move = lambda step, axis=axis: type(point)(point.cube.at[axis].add(step), point.learned)
        expected = float(run(move(1e-5)) - run(move(-1e-5))) / 2e-5
        assert float(gradient[axis]) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_planes_may_be_exchanged():
    design = evenly_spaced(3, nearest=0.1, pitch=8e-5, thickness=3e-4)
    turned = PROBLEM.space.canonical(design)
    assert np.all(np.diff(turned.z) < 0)
    assert float(resolution(turned, jnp.asarray(2.0))) == pytest.approx(
        float(resolution(design, jnp.asarray(2.0))), rel=1e-9
    )


def test_a_short_search_finds_a_better_telescope():
    problem = telescope(planes=4)
    recipe = telescope_recipe(problem)
    history = optimise(problem, recipe.optimiser, key=KEY, rounds=40, events=32, scenarios=16)
    best = history.design(problem, len(history) - 1)
    before, after = (problem.evaluate(d, key=scoring_key(KEY), events=64, scenarios=32) for d in (problem.start, best))
    assert float(after.loss) < 0.4 * float(before.loss)
    assert float(after.values["impact"]) < 0.3 * float(before.values["impact"])
    nearest = int(np.argmin(best.z))
    assert int(np.argmin(best.pitch)) == nearest  # the plane next to the target is the finest
    assert float(best.z[nearest]) < 0.12
    assert float(after.values["crowding"]) < 0.01


def test_real_strips_have_no_derivative_and_their_stand_in_has():
    chain = PROBLEM.pipeline(PROBLEM.start, key=KEY)
    assert Derivative.NONE in chain.derivative
    assert PROBLEM.pipeline(PROBLEM.start, key=KEY, softness=1.0).derivative == Derivative.BIASED


@pytest.mark.parametrize("options", [{"planes": 1}, {"planes": 40}, {"momentum": -1.0}, {"planes": 9, "quasi": True}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ProblemError, match="expected"):
        telescope(**options)


@pytest.mark.slow
def test_quasi_random_numbers_keep_loss_and_gradient_and_take_most_of_their_noise():
    plain, quasi = (telescope(planes=4, momentum=3.0, quasi=quasi) for quasi in (False, True))
    keys, found = range(32), {}
    for name, problem in (("plain", plain), ("quasi", quasi)):
        design = problem.references["even"]
        runs = [problem.evaluate(design, key=jax.random.key(k), events=512, softness=1.0, gradient=True) for k in keys]
        figures = np.array([[float(r.loss), *np.asarray(r.gradient.value.cube)] for r in runs])
        found[name] = figures.mean(0), figures.var(0, ddof=1)
        jackknife = np.mean([float(r.loss_error) for r in runs]) / np.sqrt(found[name][1][0])
        assert (0.5 < jackknife < 1.8) if name == "plain" else jackknife > 1.8  # an upper bound
    (mean, noise), (quasi_mean, quasi_noise) = found["plain"], found["quasi"]
    assert np.all(np.abs(quasi_mean - mean) < 4.5 * np.sqrt((noise + quasi_noise) / len(keys)))
    assert noise[0] > 5 * quasi_noise[0]
    assert noise[1:].sum() > 5 * quasi_noise[1:].sum()
    law = float(resolution(design, jnp.asarray(3.0))) / IMPACT_SCALE
    rest = float(cost(design, SPAN)) * EUR / COST_SCALE
    # the root of a mean square of n values is too small by its variance / 2: plain, by 1 / (4 n)
    assert quasi_mean[0] - rest == pytest.approx(law, rel=4 * np.sqrt(quasi_noise[0] / len(keys)) / law + 1e-4)


def test_quasi_random_numbers_are_off_by_default():
    assert float(PROBLEM.evaluate(PROBLEM.start, key=KEY, events=32, scenarios=8).loss) == float(
        telescope(quasi=False).evaluate(PROBLEM.start, key=KEY, events=32, scenarios=8).loss
    )
    for quasi in (False, True):
        strips = [s for s in telescope(quasi=quasi).pipeline(PROBLEM.start, key=KEY).stages if hasattr(s, "pitch")]
        assert [s.quasi for s in strips] == [quasi]


def test_options_and_offer():
    assert isinstance(STUDY, Study)
    assert telescope(planes=6).space.size == 18
    single = telescope(planes=4, momentum=2.5)
    found = single.evaluate(single.start, key=KEY, events=2048)
    law = float(resolution(single.start, jnp.asarray(2.5)))
    assert float(found.values["impact"]) == pytest.approx(law, abs=4 * float(found.errors["impact"]))
    assert telescope_recipe(single).scenarios == 1

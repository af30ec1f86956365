"""Station counts: Poisson around what is expected, times around the front, and scores that move expectations.

Statistical tests have fixed keys; limits are 4.5 standard errors (7e-6 a comparison, below 1e-3 a test), or p-values of
1e-4.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from daedalus.core import Derivative
from daedalus.detectors.station_counts import StationCounts
from daedalus.events import Showers, StationSignals, blank_events
from daedalus.geometry.stations import BACKGROUND, TANK_RADIUS, WINDOW, Stations, stations_of_tanks
from daedalus.physics.air_showers import parametrised_profile
from daedalus.physics.shower_signals import arrival_times, expected_counts
from daedalus.units import deg

KEY = jax.random.key(8)
EVENTS, UNITS, ERRORS = 20000, 6, 4.5
# from the background alone over a few particles to thousands
PLACES = jnp.array([[5.0, 10.0], [60.0, -40.0], [-150.0, 90.0], [300.0, 300.0], [-900.0, 200.0], [9e4, 0.0]])


def shower(primary=0, energy=1.1e6):
    """One shower, 25 degrees from the zenith."""
    values = (energy, 12.0, -7.0, np.sin(25 * deg) * 0.6, np.sin(25 * deg) * 0.8)
    return Showers(jnp.full(1, primary), *(jnp.full(1, value) for value in values))


def counted(places, given, index, *, smearing=0.0, relaxed=False, key=KEY):
    """The events after the array has counted one and the same shower again and again."""
    events = blank_events(index).add(jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, index.shape), given))
    return StationCounts(stations_of_tanks(places), parametrised_profile, smearing, relaxed)(events, key=key)


signals = jax.jit(lambda *given, **more: counted(*given, **more)[StationSignals], static_argnames=("smearing",))
INDEX = jnp.arange(EVENTS, dtype=jnp.uint32)
AREA = 19 * np.pi * TANK_RADIUS**2
FLOOR = AREA * WINDOW * np.array(BACKGROUND)


def law(given, places=PLACES):
    """What is expected of every secondary in every unit."""
    stations = stations_of_tanks(places)
    background = jnp.asarray(stations.background_counts)
    whole = expected_counts(given.parameters[0], places, parametrised_profile, stations.area, background)
    return np.asarray(whole[given.primary[0]])


def last(signals, rows):
    """Counts and times of some events, which are the last axis."""
    return np.asarray(signals.counts)[..., rows], np.asarray(signals.times)[..., rows]


@pytest.mark.parametrize("primary", [0, 1])
def test_means_and_variances_are_those_of_poisson_counts(primary):
    given = shower(primary)
    counts, mean = np.asarray(signals(PLACES, given, INDEX).counts), law(given)
    assert counts.shape == (2, UNITS, EVENTS)
    np.testing.assert_array_equal(counts, np.floor(counts))
    assert np.all(np.abs(counts.mean(-1) - mean) < ERRORS * np.sqrt(mean / EVENTS))
    spread = np.sqrt((mean + 2 * mean**2) / EVENTS)  # of the variance of Poisson counts
    assert np.all(np.abs(counts.var(-1) - mean) < ERRORS * spread)


def test_units_and_secondaries_fluctuate_independently():
    counts = np.asarray(signals(PLACES, shower(), INDEX).counts).reshape(2 * UNITS, -1)
    varies = counts.var(1) > 0.01
    assert varies.sum() > 8
    assert np.abs(np.corrcoef(counts[varies]) - np.eye(varies.sum())).max() < 5.5 / np.sqrt(EVENTS)


def test_far_away_only_the_background_counts():
    counts = np.asarray(signals(PLACES, shower(), INDEX).counts)[:, -1]
    np.testing.assert_allclose(FLOOR, 217.756 * np.array([2.56e-5, 2.337e-4]), rtol=1e-3)
    assert np.all(np.abs(counts.mean(1) - FLOOR) < ERRORS * np.sqrt(FLOOR / EVENTS))


def test_times_are_normal_around_the_front_where_there_is_hardly_a_background():
    given = shower()
    found = signals(PLACES, given, INDEX)
    front = np.asarray(arrival_times(given.parameters[0], PLACES))
    pulls = (np.asarray(found.times) - front[:, None]) / 10.0
    pulls = pulls[law(given) > 10.0]
    assert len(pulls) == 4
    assert np.all(np.abs(pulls.mean(-1)) < ERRORS / np.sqrt(EVENTS))
    assert np.all(np.abs(pulls.std(-1) - 1) < ERRORS / np.sqrt(2 * EVENTS))
    assert stats.kstest(pulls[2], "norm").pvalue > 1e-4


def test_background_times_are_even_within_the_window():
    found = signals(PLACES, shower(), INDEX)
    counts, times = np.asarray(found.counts)[1, -1], np.asarray(found.times)[1, -1]
    front = float(arrival_times(shower().parameters[0], PLACES)[-1])
    late = (times - front)[counts > 0]
    assert len(late) > 800
    assert np.abs(late).max() <= 64.0
    assert stats.kstest(late, stats.uniform(-64.0, 128.0).cdf).pvalue > 1e-4


def test_times_of_few_particles_are_mixed_as_their_density_says():
    """One particle where as many are background: half the times are even, half normal."""
    given, place = shower(), jnp.array([[-900.0, 200.0]])
    expected = law(given, place)[:, 0]
    background = float(expected[1] - FLOOR[1])  # as much as the shower itself
    stations = Stations(place, background=(BACKGROUND[0], background / (AREA * WINDOW)))
    events = blank_events(INDEX).add(jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, INDEX.shape), given))
    found = jax.jit(lambda: StationCounts(stations, parametrised_profile)(events, key=KEY)[StationSignals])()
    counts, times = np.asarray(found.counts)[1, 0], np.asarray(found.times)[1, 0]
    late = (times - float(arrival_times(given.parameters[0], place)[0]))[counts == 1] / 10.0
    mixed = lambda z: 0.5 * stats.norm.cdf(z) + 0.5 * stats.uniform(-6.4, 12.8).cdf(z)
    assert len(late) > 200
    assert stats.kstest(late, mixed).pvalue > 1e-4


def test_smearing_is_relative_and_never_makes_a_count_negative():
    given, share = shower(), 0.2
    plain, smeared = (np.asarray(signals(PLACES, given, INDEX, smearing=s).counts) for s in (0.0, share))
    some = plain > 0
    ratio = smeared[some] / plain[some] - 1
    assert abs(ratio.mean()) < ERRORS * share / np.sqrt(ratio.size)
    assert abs(ratio.std() / share - 1) < ERRORS / np.sqrt(2 * ratio.size)
    np.testing.assert_array_equal(smeared[~some], 0.0)
    wide = np.asarray(signals(PLACES, given, INDEX[:500], smearing=1.5).counts)
    assert wide.min() == 0.0


def test_numbers_belong_to_the_event():
    every = signals(PLACES, shower(), INDEX[:50])
    some = signals(PLACES, shower(), jnp.array([31, 4, 4], jnp.uint32))
    for one, other in zip(last(every, [31, 4, 4]), last(some, slice(None)), strict=True):
        np.testing.assert_array_equal(one, other)
    other = signals(PLACES, shower(), INDEX[:50], key=jax.random.key(1))
    assert np.mean(np.asarray(other.counts) == np.asarray(every.counts)) < 0.7  # zeros stay zeros
    assert not np.any(np.asarray(other.times) == np.asarray(every.times))


def test_common_random_numbers():
    """A unit that moves leaves the counts of the others, and a small move leaves most of its own."""
    given = shower()
    before = np.asarray(signals(PLACES, given, INDEX[:2000]).counts)
    step = 0.5
    moved = PLACES.at[1, 0].add(step)
    after = np.asarray(signals(moved, given, INDEX[:2000]).counts)
    others = [0, 2, 3, 4, 5]
    np.testing.assert_array_equal(after[:, others], before[:, others])
    change = law(given, moved)[:, 1] - law(given)[:, 1]
    assert np.all(change < 0)  # away from the core
    assert np.all(after[:, 1] <= before[:, 1])  # in every single event
    # by as much as is expected, with the spread of a rounded number instead of that of two counts
    spread = np.sqrt(np.abs(change) + 1e-9)
    assert np.all(np.abs((after - before)[:, 1].mean(1) - change) < ERRORS * spread / np.sqrt(2000))


MOVED = 3  # the unit of which FUNCTIONS tell; some six electrons and a quarter of a muon
FUNCTIONS = {  # of all counts, with the derivative of its expectation: from means and their slopes
    "electrons": (lambda n: n[0, 3], lambda m, s: s[0, 3]),
    "muons": (lambda n: n[1, 3], lambda m, s: s[1, 3]),
    "square": (lambda n: n[0, 3] ** 2, lambda m, s: s[0, 3] * (1 + 2 * m[0, 3])),
    "product": (lambda n: n[0, 3] * n[0, 2], lambda m, s: s[0, 3] * m[0, 2]),
    "empty": (lambda n: (n[0, 3] == 0).astype(float), lambda m, s: -s[0, 3] * jnp.exp(-m[0, 3])),
    "another unit": (lambda n: n[0, 2], lambda m, s: 0.0 * s[0, 2]),
}


def test_the_score_moves_expectations():
    """By the place of a unit: the mean of a function times the weight's derivative, within its error."""
    given, way = shower(1, 2e5), jnp.zeros_like(PLACES).at[MOVED].set(jnp.array([0.8, 0.6]))

    @jax.jit
    def scores(places):
        events, slope = jax.jvp(lambda at: counted(at, given, INDEX).weight, (places,), (way,))
        return events, slope, jax.jvp(lambda at: counted(at, given, INDEX)[StationSignals].counts, (places,), (way,))

    weight, score, (counts, held) = scores(PLACES)
    np.testing.assert_array_equal(weight, 1.0)
    np.testing.assert_array_equal(held, 0.0)  # counts themselves have no derivative
    score, counts = np.asarray(score), np.asarray(counts)
    assert abs(score.mean()) < ERRORS * score.std() / np.sqrt(EVENTS)
    model, background = parametrised_profile, jnp.asarray(FLOOR)
    expected = lambda places: expected_counts(given.parameters[0], places, model, AREA, background)[1]
    mean, slope = jax.jvp(expected, (PLACES,), (way,))
    # the score's variance is the information of the counts, and of whether a time is the front's
    numbers = np.arange(1, 400)[:, None]
    strange = (FLOOR / np.asarray(mean)[:, MOVED]) ** numbers
    told = np.sum(stats.poisson.pmf(numbers, mean[:, MOVED]) * numbers**2 * strange / (1 - strange), 0)
    information = float(jnp.sum(slope**2 / mean) + np.sum(told * (slope / mean)[:, MOVED] ** 2))
    assert np.var(score) == pytest.approx(information, rel=ERRORS * np.sqrt(3.0 / EVENTS))
    for name, (function, derivative) in FUNCTIONS.items():
        value = np.asarray(function(counts), float)
        product = (value - value.mean()) * score
        error = product.std() / np.sqrt(EVENTS)
        law_slope = float(derivative(mean, slope))
        assert product.mean() == pytest.approx(law_slope, abs=ERRORS * error), name
        if name != "another unit":
            assert abs(law_slope) > 4 * error, name  # the test can tell it from nothing


def test_the_score_moves_the_share_of_times_that_are_the_showers():
    """How often the muons of a unit are within 25 ns of the front, from thinned counts."""
    given, way = shower(1, 2e5), jnp.zeros_like(PLACES).at[MOVED].set(jnp.array([0.8, 0.6]))
    expected = lambda at: expected_counts(given.parameters[0], at, parametrised_profile, AREA, jnp.asarray(FLOOR))[1]
    mean, slope = (float(each[1, MOVED]) for each in jax.jvp(expected, (PLACES,), (way,)))
    background = FLOOR[1]
    none = np.exp(background - mean)
    front, chance = stats.norm.cdf(2.5) - stats.norm.cdf(-2.5), 50.0 / 128.0
    share = front * (1 - none) + chance * none * (1 - np.exp(-background))
    moved = slope * none * (front - chance * (1 - np.exp(-background)))
    found = signals(PLACES, given, INDEX)
    late = np.asarray(found.times)[1, MOVED] - float(arrival_times(given.parameters[0], PLACES)[MOVED])
    near = (np.abs(late) < 25.0) & (np.asarray(found.counts)[1, MOVED] > 0)
    assert abs(near.mean() - share) < ERRORS * np.sqrt(share * (1 - share) / EVENTS)
    score = np.asarray(jax.jit(lambda: jax.jvp(lambda at: counted(at, given, INDEX).weight, (PLACES,), (way,))[1])())
    product = (near - near.mean()) * score
    assert product.mean() == pytest.approx(moved, abs=ERRORS * product.std() / np.sqrt(EVENTS))
    assert abs(moved) > 4 * product.std() / np.sqrt(EVENTS)


CUBE = lambda n: n[0, 3] ** 3
MOVABLE = {name: each for name, each in FUNCTIONS.items() if name != "empty"}
MOVABLE["cube"] = (CUBE, lambda m, s: s[0, 3] * (3 * m[0, 3] ** 2 + 6 * m[0, 3] + 1.5))  # the 1.5 ought to be 1


def test_relaxed_counts_move_what_is_at_most_quadratic_without_bias_and_with_less_noise():
    given, way = shower(1, 2e5), jnp.zeros_like(PLACES).at[MOVED].set(jnp.array([0.8, 0.6]))
    expected = lambda at: expected_counts(given.parameters[0], at, parametrised_profile, AREA, jnp.asarray(FLOOR))[1]
    mean, slope = jax.jvp(expected, (PLACES,), (way,))

    @jax.jit
    def moved(places):
        found = lambda at: counted(at, given, INDEX, relaxed=True)[StationSignals].counts
        return jax.jvp(lambda at: [function(found(at)) for function, _ in MOVABLE.values()], (places,), (way,))

    values, slopes = moved(PLACES)
    drawn = counted(PLACES, given, INDEX)
    np.testing.assert_array_equal(values[0], drawn[StationSignals].counts[0, 3])  # the same counts
    np.testing.assert_array_equal(counted(PLACES, given, INDEX, relaxed=True).weight, 1.0)
    score = jax.jvp(lambda at: counted(at, given, INDEX).weight, (PLACES,), (way,))[1]
    for (name, (function, law_slope)), each in zip(MOVABLE.items(), slopes, strict=True):
        right, each = float(law_slope(mean, slope)), np.asarray(each)
        assert each.mean() == pytest.approx(right, abs=ERRORS * each.std() / np.sqrt(EVENTS) + 1e-12), name
        if name != "another unit":
            noisy = (function(np.asarray(drawn[StationSignals].counts)) - float(function(mean))) * np.asarray(score)
            assert each.std() < 0.6 * noisy.std(), name
            assert abs(right) > 4 * each.std() / np.sqrt(EVENTS), name


def test_times_have_the_derivative_of_the_front():
    given = shower()
    total = lambda places: jnp.sum(counted(places, given, INDEX[:3])[StationSignals].times[1])
    slope = jax.grad(total)(PLACES)
    u = np.array([given.ux[0], given.uy[0]])
    np.testing.assert_allclose(slope, np.broadcast_to(-3 * u / 0.299792458, (UNITS, 2)), rtol=1e-12)


def test_it_says_what_its_derivative_is_like():
    assert StationCounts(stations_of_tanks(PLACES), parametrised_profile).derivative == Derivative.NOISY
    relaxed = StationCounts(stations_of_tanks(PLACES), parametrised_profile, relaxed=True)
    assert relaxed.derivative == Derivative.BIASED


def test_units_of_other_tanks_count_in_proportion():
    few = Stations(PLACES, area=7 * np.pi * TANK_RADIUS**2, tanks=7)
    assert stations_of_tanks(PLACES, 7).area == pytest.approx(few.area)
    assert stations_of_tanks(PLACES, 7, 2 * TANK_RADIUS).area == pytest.approx(4 * few.area)
    np.testing.assert_allclose(few.background_counts, FLOOR * 7 / 19, rtol=1e-12)


def test_single_precision_has_the_same_means():
    given = shower()
    with jax.enable_x64(False):
        low = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), given)
        found = signals(jnp.asarray(PLACES, jnp.float32), low, INDEX)
        assert found.counts.dtype == found.times.dtype == jnp.float32
        counts = np.asarray(found.counts, float)
    mean = law(given)
    assert np.all(np.abs(counts.mean(-1) - mean) < ERRORS * np.sqrt(mean / EVENTS))

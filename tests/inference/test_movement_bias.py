"""A moved stack: its sums against derivatives of the likelihood, closed forms, limits, and fits of drawn data."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Momenta, blank_events
from daedalus.geometry import Voxels
from daedalus.inference.contrast_information import ContrastInformation, ContrastTerms, Symmetric, information
from daedalus.inference.expected_ratio import covariances
from daedalus.inference.fisher import exposure_for
from daedalus.inference.movement_bias import (
    MovementInformation,
    MovementSums,
    exposure_for_strength,
    movement_left,
    movement_sums,
    strength_error,
)  # fmt: skip
from daedalus.inference.scattering_likelihood import ScatteringModel
from daedalus.inference.voxel_paths import moments_along, unit_variance
from inference.chords import MOMENTUM, chords

EDGE = jnp.linspace(0.0, 1.0, 4)
VOXELS = Voxels(EDGE, EDGE, EDGE)
MODEL = ScatteringModel(VOXELS)
PLAIN = jnp.full(VOXELS.shape, 3.0)
LAYER = PLAIN.at[:, :, 1].set(12.0)
WIDTHS = np.array([1e-3, 2e-3, 1e-3, 1e-3])
DENSITY = 0.1
COUNT = 300
ANGLE, OFFSET = 1e-6, 1e-7  # variances of the tracks [rad2, m2]


def straight(count):
    """Chords with errors of their tracks, without which the thinnest paths would decide everything."""
    nothing = jnp.zeros((2, count))
    return eqx.tree_at(
        lambda d: (d.var_angle, d.var_offset), chords(VOXELS, count), (nothing + ANGLE, nothing + OFFSET)
    )


@pytest.fixture(scope="module")
def sums():
    return jax.jit(lambda: sums_of(straight(COUNT)))()


def response(count):
    """Shifts along x and y, turns about y and x with levers of their own, of chords of many directions."""
    phi, lever = 2.4 * jnp.arange(count), 0.2 + 0.3 * jnp.cos(1.7 * jnp.arange(count))
    nothing = jnp.zeros(count)
    shift = [jnp.stack([jnp.stack([nothing, nothing]), way]) for way in (
        jnp.stack([jnp.cos(phi), -jnp.sin(phi)]), jnp.stack([jnp.sin(phi), jnp.cos(phi)]))]  # fmt: skip
    turn = [jnp.stack([each[1], lever * each[1]]) for each in shift]
    return jnp.stack([*shift, *turn])


def record(deflected):
    count = len(deflected.length)
    index = jnp.arange(count, dtype=jnp.uint32)
    return blank_events(index).add(deflected).add(Momenta(jnp.full(count, MOMENTUM), jnp.zeros(count)))


def sums_of(deflected, strength=0.0):
    contrast = ContrastInformation(MODEL, LAYER, PLAIN, strength)
    return MovementInformation(contrast, lambda events: response(len(events.index)))(record(deflected), {})


def expected_cost(theta, deflected, strength):
    """The expected negative logarithm of the likelihood of strength, density and movement, at data of the truth."""
    at = lambda a, b: covariances(
        MODEL, jnp.exp(b) * (PLAIN + a * (LAYER - PLAIN)), deflected, jnp.full(len(deflected.length), MOMENTUM)
    )
    (c, s, o), (c0, s0, o0) = at(strength + theta[0], theta[1]), at(strength, 0.0)
    angle, offset = jnp.einsum("mkpe,m->kpe", response(len(deflected.length)), theta[2:])
    determinant = c * o - s * s
    c0, s0, o0 = c0 + angle**2, s0 + angle * offset, o0 + offset**2
    return 0.5 * jnp.sum((o * c0 - 2 * s * s0 + c * o0) / determinant + jnp.log(determinant))


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_sums_are_derivatives_of_the_expected_likelihood(strength):
    given, truth = straight(20), jnp.zeros(6)
    cost = lambda theta: expected_cost(theta, given, strength)
    second = jax.jit(jax.hessian(cost))
    hessian, third = second(truth), jax.jit(jax.jacfwd(second))(truth)
    sums = jax.jit(lambda: sums_of(given, strength))()
    np.testing.assert_allclose(sums.contrast, hessian[:2, :2], rtol=1e-8)
    np.testing.assert_allclose(sums.alignment, hessian[2:, 2:], rtol=1e-8, atol=1e-3)
    np.testing.assert_allclose(hessian[:2, 2:], 0.0, atol=1e-9)  # at no movement, nothing is shared
    np.testing.assert_allclose(sums.coupling, -third[:2, 2:, 2:], rtol=1e-8, atol=1e-3)


def one_direction(count, variance=4e-6, share=0.5):
    """Particles of one direction and projection, the strength the share by which the angle's variance grows."""
    full = lambda value: jnp.full((1, count), value)
    inverse = Symmetric(full(1 / variance), full(0.0), full(1e6))
    grows, still = Symmetric(full(share * variance), full(0.0), full(0.0)), Symmetric(*[full(0.0)] * 3)
    terms = ContrastTerms(jnp.ones(count), inverse, (grows, still))
    turn = jnp.stack([full(1.0), full(0.0)])[None]
    return MovementSums(information(terms), *movement_sums(terms, turn))


def test_one_direction_is_the_textbook_variance():
    """A left-out turn adds its square to the variance; a fitted one leaves n - 1 of n degrees of freedom."""
    sums, width = one_direction(50), np.array([1e-3])
    error = lambda exposure, profiled: strength_error(
        sums, movement_left(sums, width, exposure, profiled=profiled), exposure, density_error=DENSITY
    )
    assert float(error(3.0, False).bias) == pytest.approx(1e-6 / (0.5 * 4e-6))
    assert float(error(3.0, False).statistical) == pytest.approx(np.sqrt(2 / 150) / 0.5)
    assert float(error(3.0, False).spread) == pytest.approx(np.sqrt(3) * 0.5)  # of the square of a normal number
    left = 1.0 / (1e6 + 150 / 4e-6)
    assert float(error(3.0, True).bias) == pytest.approx(left / (0.5 * 4e-6))
    wide = movement_left(sums, np.array([10.0]), 3.0, profiled=True)
    assert float(strength_error(sums, wide, 3.0, density_error=DENSITY).bias) == pytest.approx(
        1 / (0.5 * 150), rel=1e-4
    )


def test_limits(sums):
    error = lambda exposure, profiled, scale=1.0: strength_error(
        sums, movement_left(sums, scale * WIDTHS, exposure, profiled=profiled), exposure, density_error=DENSITY
    )
    np.testing.assert_allclose(
        movement_left(sums, WIDTHS, 1e-12, profiled=True), np.diag(WIDTHS**2), rtol=1e-6, atol=1e-15
    )
    late, later = error(1e3, True), error(1e5, True)
    assert float(later.spread / late.spread) == pytest.approx(1e-2, rel=1e-2)  # with 1 / T
    assert float(later.statistical / late.statistical) == pytest.approx(0.1, rel=1e-2)  # with 1 / sqrt(T)
    assert float(error(1e5, False).spread / error(1e3, False).spread) == pytest.approx(1.0, rel=1e-2)  # never ends
    assert float(error(1.0, False, 3.0).spread / error(1.0, False).spread) == pytest.approx(9.0)
    assert float(error(1.0, True).spread) < float(error(1.0, False).spread)
    assert float(error(1.0, True, 0.0).spread) == 0.0


def exposure(sums, *, profiled, widths=WIDTHS, longest=1e6, z=40.0):
    return exposure_for_strength(sums, widths, z=z, density_error=DENSITY, profiled=profiled, longest=longest)


def test_exposures(sums):
    alone = exposure_for(sums.contrast, np.array([DENSITY]), 40.0)
    assert float(exposure(sums, profiled=False, widths=0 * WIDTHS)) == pytest.approx(float(alone), rel=1e-9)
    for profiled, scale in ((True, 1.0), (False, 0.1)):
        found = exposure(sums, profiled=profiled, widths=scale * WIDTHS)
        left = movement_left(sums, scale * WIDTHS, found, profiled=profiled)
        assert float(strength_error(sums, left, found, density_error=DENSITY).total) == pytest.approx(1 / 40, rel=1e-9)
        assert float(found) > float(alone)
    assert float(exposure(sums, profiled=False, widths=5 * WIDTHS)) > 1e6  # bias alone is too large for ever
    never = jax.tree.map(jnp.zeros_like, sums)._replace(contrast=1e-6 * jnp.eye(2), alignment=sums.alignment)
    assert np.isfinite(float(exposure(never, profiled=True)))


@pytest.mark.parametrize(
    ("profiled", "scale", "longest"),
    [(True, 1.0, 1e6), (False, 0.1, 1e6), (False, 5.0, 1e6), (True, 1.0, 0.1)],
    ids=["profiled", "left out", "too large a bias", "not in time"],
)
def test_exposures_have_exact_derivatives(sums, profiled, scale, longest):
    time = jax.jit(lambda each: exposure(each, profiled=profiled, widths=scale * WIDTHS, longest=longest))
    slope = jax.grad(time)(sums)
    for field, index in (("contrast", (0, 0)), ("contrast", (1, 1)), ("alignment", (2, 2)), ("coupling", (0, 1, 1))):
        step = 1e-4 * getattr(sums, field)[index]
        moved = lambda sign, f=field, i=index, h=step: sums._replace(**{f: getattr(sums, f).at[i].add(sign * h)})
        finite = (time(moved(1)) - time(moved(-1))) / (2 * step)
        assert float(getattr(slope, field)[index]) == pytest.approx(
            float(finite), rel=1e-5, abs=1e-8 * float(time(sums) / step)
        )


def test_the_pass_has_an_exact_derivative():
    given = straight(40)

    @jax.jit
    def time(scale):
        blurred = eqx.tree_at(lambda d: (d.var_angle, d.var_offset), given,
                              (given.var_angle + 1e-5 * scale, given.var_offset + 1e-6 * scale))  # fmt: skip
        return exposure(sums_of(blurred), profiled=True, z=10.0)

    slope, numeric = jax.grad(time)(1.0), (time(1.0 + 1e-4) - time(1.0 - 1e-4)) / 2e-4
    assert float(slope) == pytest.approx(float(numeric), rel=1e-6)
    assert float(slope) > 0  # worse tracks, longer exposure


def test_fits_of_drawn_data_are_off_by_as_much(sums):
    """Maximum likelihood of strength and density, the movement left out, fitted, or known: paired differences."""
    samples, given, known_to = 300, straight(COUNT), 0.02  # tight: else strength and density share the bias
    base, more = (moments_along(each, given, VOXELS) for each in (PLAIN, LAYER - PLAIN))
    slopes = jnp.moveaxis(response(COUNT), 0, -1)  # (2, projection, particle, movement)
    movement = jnp.array([4e-4, -2e-4, 2e-4, 1e-4])

    def covariance(theta):
        a0, a1, a2 = (jnp.exp(theta[1]) * (p + theta[0] * q) for p, q in zip(base, more, strict=True))
        unit = unit_variance(a0, jnp.full(COUNT, MOMENTUM), mass=MODEL.mass, loss=MODEL.loss)
        return jnp.stack([jnp.stack([unit * a0 + ANGLE, unit * a1]), jnp.stack([unit * a1, unit * a2 + OFFSET])])

    def cost(theta, data, fitted):
        (c, s), (_, o) = covariance(theta)
        determinant = c * o - s * s
        inverse = jnp.stack([jnp.stack([o, -s]), jnp.stack([-s, c])]) / determinant
        square = jnp.einsum("kpe,kle,lpe->", data, inverse, data)
        pull = jnp.einsum("kpem,kle,lpe->m", slopes, inverse, data)
        aligned = jnp.einsum("kpem,kle,lpen->mn", slopes, inverse, slopes)
        gain = jnp.where(fitted, pull @ jnp.linalg.solve(aligned, pull), 0.0)  # of the best movement
        return 0.5 * (square - gain) + jnp.sum(jnp.log(determinant)) + 0.5 * (theta[1] / known_to) ** 2

    def strength(data, fitted):
        slope, scoring = jax.grad(cost), jnp.linalg.inv(sums.contrast + jnp.diag(jnp.array([0.0, known_to**-2])))
        step = lambda theta, _: (theta - 0.7 * scoring @ slope(theta, data, fitted), None)
        theta = jax.lax.scan(step, jnp.zeros(2), None, 80)[0]
        return theta[0], jnp.max(jnp.abs(scoring @ slope(theta, data, fitted)))

    @jax.jit
    @jax.vmap
    def fits(key):
        root = jnp.linalg.cholesky(jnp.moveaxis(covariance(jnp.zeros(2)), -1, 0))
        noise = jnp.einsum("ekl,lpe->kpe", root, jax.random.normal(key, (2, 2, COUNT)))
        pushed = noise + slopes @ movement
        data, fitted = jnp.stack([noise, pushed, pushed]), jnp.array([False, False, True])
        return jax.vmap(strength)(data, fitted)

    strengths, rest = fits(jax.random.split(jax.random.key(11), samples))
    assert float(jnp.max(rest)) < 1e-6  # all fits have converged
    known, left_out, fitted = strengths.T
    error = lambda moments: strength_error(sums, moments, 1.0, density_error=known_to)
    expected = error(jnp.outer(movement, movement))
    spread = lambda values: float(jnp.std(values)) / np.sqrt(samples)
    assert float(jnp.std(known)) == pytest.approx(float(expected.statistical), rel=4 / np.sqrt(2 * samples))
    assert float(jnp.mean(left_out - known)) == pytest.approx(float(expected.bias), abs=4 * spread(left_out - known))
    assert abs(float(expected.bias)) > 10 * spread(left_out - known)
    own = error(movement_left(sums, np.full(4, 1e3), 1.0, profiled=True))
    assert float(jnp.mean(fitted - known)) == pytest.approx(-float(own.bias), abs=4 * spread(fitted - known))
    assert abs(float(own.bias)) > 5 * spread(fitted - known)

"""A moved stack: tracks as its hits give them, and the response of angles and offsets as measured on moved hits."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.misalignment import Misalignment
from daedalus.events import Hits, Particles, blank_events, uniforms
from daedalus.geometry import Box
from daedalus.reconstruction.deflections import box_deflections
from daedalus.reconstruction.line_fit import line_fit
from daedalus.reconstruction.rigid_movement import MOVEMENTS, MovementResponse, moved

COUNT = 40
BOX = Box(jnp.array([0.0, 0.0, 0.4]), jnp.array([1.0, 1.0, 1.4]))
PIVOT = (0.5, 0.45, 0.2)
UPPER, LOWER = jnp.array([1.42, 1.6, 1.75]), jnp.array([0.03, 0.18, 0.35])
SMALL = 1e-6  # m and rad


def lines():
    """Incoming and outgoing slopes and where they meet, of muons that bend in the middle of the box."""
    x, y, tx, ty, kx, ky = uniforms(jax.random.key(3), jnp.arange(COUNT, dtype=jnp.uint32), 6)
    incoming = 1.2 * (tx - 0.5), 1.2 * (ty - 0.5)
    outgoing = incoming[0] + 0.1 * (kx - 0.5), incoming[1] + 0.1 * (ky - 0.5)
    return (0.4 + 0.2 * x, 0.4 + 0.2 * y), incoming, outgoing


def hits(place, slopes, z):
    height = (z - 0.9)[:, None]
    shape = jnp.ones((len(z), COUNT))
    return Hits(place[0] + slopes[0] * height, place[1] + slopes[1] * height, z, 1e-4 * shape, shape, shape > 0)


def at_hand(movement):
    """The hits of lower panels that were displaced and turned by hand: the line meets the turned plane."""
    place, _, slopes = lines()
    d, r = np.asarray(movement[:3]), np.asarray(movement[3:])
    turn = np.eye(3) + np.array([[0, -r[2], r[1]], [r[2], 0, -r[0]], [-r[1], r[0], 0]])
    c = np.array(PIVOT)
    found = []
    for z in np.asarray(LOWER):
        centre = c + d + turn @ (np.array([0.5, 0.5, z]) - c)
        normal = np.linalg.inv(turn).T @ np.array([0.0, 0.0, 1.0])
        u = np.stack([slopes[0], slopes[1], np.ones(COUNT)])
        p = np.stack([place[0], place[1], np.full(COUNT, 0.9)])
        t = (normal @ (centre[:, None] - p)) / (normal @ u)
        body = np.linalg.inv(turn) @ (p + t * u - (c + d)[:, None]) + c[:, None]
        np.testing.assert_allclose(body[2], z, atol=1e-12)
        found.append(body[:2])
    x, y = np.moveaxis(np.array(found), 1, 0)
    return dataclasses.replace(hits(place, slopes, LOWER), x=jnp.asarray(x), y=jnp.asarray(y))


def measured(lower):
    place, slopes, _ = lines()
    deflected = box_deflections(line_fit(hits(place, slopes, UPPER)), line_fit(lower), BOX)
    return jnp.stack([deflected.angle, deflected.offset])


def response():
    place, incoming, outgoing = lines()
    upper, lower = line_fit(hits(place, incoming, UPPER)), line_fit(hits(place, outgoing, LOWER))
    index = jnp.arange(COUNT, dtype=jnp.uint32)
    events = blank_events(index).add(upper, "upper").add(lower, "lower").add(box_deflections(upper, lower, BOX))
    return MovementResponse(BOX.lower[2], PIVOT)(events)


@pytest.mark.parametrize("number", range(6), ids=MOVEMENTS)
def test_the_response_is_what_panels_moved_by_hand_measure(number):
    way = SMALL * np.eye(6)[number]
    finite = (measured(at_hand(way)) - measured(at_hand(-way))) / (2 * SMALL)
    np.testing.assert_allclose(response()[number], finite, rtol=1e-5, atol=1e-7)
    assert float(jnp.max(jnp.abs(finite))) > 0.1


@pytest.mark.parametrize("name", ["dx", "dy", "dz", "turn"])
def test_shifts_and_the_turn_about_the_vertical_are_those_of_the_misalignment(name):
    place, _, slopes = lines()
    index = jnp.arange(COUNT, dtype=jnp.uint32)
    down = 1.0 / jnp.sqrt(1.0 + slopes[0] ** 2 + slopes[1] ** 2)
    particles = Particles(
        *place, jnp.full(COUNT, 0.2), -slopes[0] * down, -slopes[1] * down, -down, jnp.full(COUNT, 3.0)
    )
    events = blank_events(index).add(hits(place, slopes, LOWER), "lower").add(particles)
    stage = Misalignment("lower", **{name: 3e-3}, pivot=PIVOT[:2])
    wanted = line_fit(stage(events, key=jax.random.key(0))[Hits, "lower"])
    movement = 3e-3 * jnp.eye(6)[{"dx": 0, "dy": 1, "dz": 2, "turn": 5}[name]]
    found = moved(line_fit(hits(place, slopes, LOWER)), movement, PIVOT)
    for field in ("x", "y", "tx", "ty"):
        np.testing.assert_allclose(getattr(found, field), getattr(wanted, field), atol=5e-6)  # second order in the turn


def test_what_was_not_found_has_no_response():
    place, incoming, outgoing = lines()
    upper, lower = line_fit(hits(place, incoming, UPPER)), line_fit(hits(place, outgoing, LOWER))
    lower = dataclasses.replace(lower, found=lower.found.at[7].set(False), tx=lower.tx.at[7].set(jnp.inf))
    events = blank_events(jnp.arange(COUNT, dtype=jnp.uint32)).add(upper, "upper").add(lower, "lower")
    events = events.add(box_deflections(upper, lower, BOX))
    found = MovementResponse(BOX.lower[2], PIVOT)(events)
    assert bool(jnp.all(found[..., 7] == 0))
    assert bool(jnp.all(jnp.isfinite(found)))

"""Newton: the Hessian of a stencil, its steps, its stencil inside the cube, and its variants on known bowls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import OptimiserError
from daedalus.optimisers.newton import Newton, diagonal_learnt, learnt
from optimisers.closed_forms import Noise, box, search, valley

KEY = jax.random.key(0)
BENT = np.array([[4.0, 1.0, 0.0], [1.0, -2.0, 0.5], [0.0, 0.5, 3.0]])


def test_as_many_moves_as_parameters_give_the_hessian():
    moves = 0.01 * jnp.array([[1.0, 0, 0], [0, -1.0, 0], [0.3, 0, 1.0]])
    found = learnt(jnp.zeros((3, 3)), moves, moves @ BENT, jnp.zeros(()))
    assert np.allclose(found, BENT)


def test_fewer_moves_are_explained_and_the_rest_is_kept():
    known = jnp.asarray(BENT + np.diag([1.0, 2.0, 3.0]))
    moves = 0.01 * jnp.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found = np.asarray(learnt(known, moves, moves @ BENT, jnp.ones(())))
    assert np.allclose(moves @ found, moves @ BENT)
    assert np.allclose(found, found.T)
    across = np.array([1.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    for one in across:
        for other in across:
            assert one @ found @ other == pytest.approx(one @ known @ other)


def test_a_diagonal_from_random_signs():
    moves = jnp.array([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]])
    found = diagonal_learnt(jnp.zeros((3, 3)), moves, moves @ BENT, jnp.zeros(()))
    assert np.allclose(found, np.diag([4.0, -2.0, 3.0]))


@pytest.mark.parametrize(("hessian", "points"), [("full", 4), ("block", 3), ("diagonal", 3)])
def test_the_first_rows_are_the_starts_and_their_stencils_lie_inside(hessian, points):
    space = box([1.0, 0.0, 0.3], 0.0, 1.0)
    method = Newton(hessian=hessian, directions=2, starts=2, stencil=0.1)
    proposal = method.ask(method.init(space, space.point(space.template), key=KEY, rounds=3), key=KEY)
    cube = np.asarray(proposal.points.cube).reshape(points, 2, 3)
    assert cube[0, 0].tolist() == [1.0, 0.0, 0.3]
    assert ((cube >= 0) & (cube <= 1)).all()
    lengths = np.linalg.norm(cube[1:] - cube[:1], axis=-1)
    assert (lengths > 0.009).all()
    assert (lengths < 0.018).all()


def test_negative_eigenvalues_are_turned_or_cut():
    turned, cut = (np.asarray(Newton(negative=how)._positive(jnp.asarray(BENT)).matrix) for how in ("turn", "cut"))
    values, vectors = np.linalg.eigh(BENT)
    assert np.allclose(turned, vectors * np.abs(values) @ vectors.T)
    assert np.allclose(cut, vectors * np.maximum(values, 0) @ vectors.T, atol=1e-5)


def test_saddles_are_left():
    space = box([0.4, 0.501], 0.0, 1.0)
    saddle = lambda x: (x[0] - 0.5) ** 2 - (x[1] - 0.5) ** 2 + 2 * (x[1] - 0.5) ** 4
    found = search(Newton(negative="cut"), space, saddle, rounds=10)()
    assert np.allclose(found.values[-1, 0], [0.5, 1.0], atol=1e-3)


def test_a_bent_valley_is_descended_with_noise_and_without():
    valley_search = search(Newton(), box([2.0] * 6, -5.5, 9.5), valley, rounds=25)
    assert valley_search().losses[8, 0] < 1e-3
    assert valley_search(Noise(0.12, 0.85)).losses[-5:, 0].max() < 1.0


def test_a_bent_valley_is_descended_in_some_directions_at_a_time():
    found = search(Newton(hessian="block"), box([2.0] * 6, -5.5, 9.5), valley, rounds=10)()
    assert found.losses[-1, 0] < 1e-3


def test_misuse():
    with pytest.raises(OptimiserError, match="0 directions"):
        Newton(directions=0)
    with pytest.raises(OptimiserError, match=r"a stencil of 0\.0"):
        Newton(stencil=0.0)

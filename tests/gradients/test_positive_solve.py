"""Small positive systems against LAPACK, with derivatives by finite differences, and without a deadlock."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.gradients.positive_solve import positive_solve


@pytest.mark.parametrize("size", [1, 2, 7, 16])
def test_the_solution_is_that_of_lapack(size):
    generator = np.random.default_rng(size)
    root, right = generator.normal(size=(size, size)), generator.normal(size=(size, 2))
    matrix = root @ root.T + 0.1 * np.eye(size)
    with jax.enable_x64(True):
        found = positive_solve(jnp.asarray(matrix), jnp.asarray(right))
        np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-9)
    single = positive_solve(jnp.asarray(matrix, jnp.float32), jnp.asarray(right, jnp.float32))
    np.testing.assert_allclose(single, found, rtol=0, atol=1e-5 * np.linalg.cond(matrix) * np.max(np.abs(found)))


def test_derivatives_are_those_of_finite_differences():
    generator = np.random.default_rng(0)
    root, right = generator.normal(size=(2, 5, 5)), generator.normal(size=(2, 5, 2))
    step, change = 1e-5, generator.normal(size=(5, 5))
    with jax.enable_x64(True):
        batched = jax.vmap(positive_solve)
        merit = lambda r: jnp.sum(batched(r @ jnp.swapaxes(r, 1, 2) + jnp.eye(5), jnp.asarray(right)) ** 3)
        slope = jnp.sum(jax.grad(merit)(jnp.asarray(root)) * change)
        tangent = jax.jvp(merit, (jnp.asarray(root),), (jnp.asarray(np.broadcast_to(change, root.shape)),))[1]
        difference = (merit(jnp.asarray(root + step * change)) - merit(jnp.asarray(root - step * change))) / (2 * step)
    assert float(slope) == pytest.approx(float(difference), rel=1e-6)
    assert float(tangent) == pytest.approx(float(difference), rel=1e-6)


def test_what_is_not_positive_is_not_finite():
    assert not jnp.all(jnp.isfinite(positive_solve(jnp.zeros((3, 3)), jnp.ones((3, 1)))))
    indefinite = jnp.array([[1.0, 2.0], [2.0, 1.0]])
    assert not jnp.any(jnp.isfinite(positive_solve(indefinite, jnp.ones((2, 1)))))


def test_two_telescopes_of_many_designs_do_not_wait_for_each_other():
    # two batches of factorisations on two threads of XLA stood still for ever
    program = (
        "import jax, daedalus; from daedalus.search import optimise; from daedalus.optimisers import optimiser;"
        "problem = daedalus.load('tracking/telescope', planes=14);"
        "optimise(problem, optimiser('cmaes'), key=jax.random.key(0), rounds=10, events=128, scenarios=64)"
    )
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "NPROC": "2"}, check=True, timeout=120)

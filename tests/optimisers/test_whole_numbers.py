"""Whole numbers in the gradient methods: gradients pass straight through, rows are whole, the best one is right."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Design, Space, parameter
from daedalus.optimisers import SGD, Adam
from daedalus.optimisers.lbfgs import LBFGS
from daedalus.optimisers.newton import Newton
from optimisers.closed_forms import search


class Mixed(Design):
    """A dial and a count."""

    dial: jax.Array = parameter(0.0, 1.0, "1", doc="a dial")
    count: jax.Array = parameter(1.0, 9.0, "1", doc="a count", kind="whole")


def bowl(x):
    """Lowest at a dial of 0.3 and a count of 3, which pulls the dial."""
    dial, count = x
    return 20 * (dial - 0.3) ** 2 + (count - 3.2) ** 2 + 0.5 * (dial - 0.3) * (count - 3)


@pytest.mark.parametrize(
    ("method", "rounds"), [(Adam(), 100), (SGD(), 100), (LBFGS(), 40), (Newton(), 15)],
    ids=["adam", "sgd", "lbfgs", "newton"],
)  # fmt: skip
def test_every_row_is_whole_and_the_best_one_is_the_optimum(method, rounds):
    found = search(method, Space.of(Mixed(0.9, 8.0)), bowl, rounds=rounds)()
    values, losses = np.asarray(found.values).reshape(-1, 2), np.ravel(found.losses)
    assert values[0].tolist() == [0.9, 8.0]
    assert (values[:, 1] == np.round(values[:, 1])).all()
    best = values[losses.argmin()]
    assert best[1] == 3.0
    assert best[0] == pytest.approx(0.3, abs=0.02)
    assert jnp.min(found.losses[-10:]) < 0.1  # and the search stays there, the latent count near the edge

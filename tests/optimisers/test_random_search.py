"""Random search: uniform points, whole numbers with equal probability, the given design first."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from daedalus.core import Design, Space, parameter
from daedalus.errors import OptimiserError
from daedalus.optimisers import Adam, OneCycle, RandomSearch, optimiser


class Dice(Design):
    """A die and a dial."""

    die: jax.Array = parameter(1.0, 6.0, "1", doc="a die", kind="whole")
    dial: jax.Array = parameter(0.0, 1.0, "1", doc="a dial")


def test_points_are_uniform():
    space = Space.of(Dice(3.0, 0.25))
    method = RandomSearch(batch=3000)
    state = method.init(space, space.point(space.template), key=jax.random.key(0), rounds=2)
    first = method.ask(state, key=jax.random.key(1)).points
    assert first.cube[0].tolist() == [0.4, 0.25]
    values = np.asarray(jax.vmap(lambda c: space.values(space.design(c)))(first.cube[1:]))
    assert stats.chisquare(np.bincount(values[:, 0].astype(int), minlength=7)[1:]).pvalue > 1e-3
    assert stats.kstest(values[:, 1], "uniform").pvalue > 1e-3
    assert jnp.unique(first.cube[:, 1]).size == 3000


def test_names():
    assert isinstance(optimiser("random", batch=3), RandomSearch)
    assert isinstance(optimiser("adam", schedule="one_cycle").descent.schedule, OneCycle)
    assert isinstance(optimiser("adam", starts=2), Adam)
    with pytest.raises(OptimiserError, match="Did you mean adam"):
        optimiser("adan")
    with pytest.raises(OptimiserError, match=r"no option of adam is called 'strats'\. Did you mean starts"):
        optimiser("adam", strats=2)
    with pytest.raises(OptimiserError, match="no schedule is called 'cosin'"):
        optimiser("sgd", schedule="cosin")
    with pytest.raises(OptimiserError, match="batch of RandomSearch is 0"):
        RandomSearch(batch=0)

"""Time a training step of the neos demonstration with relaxed, the package that neos is made of.

neos itself does not install beside a current JAX. This is its demonstration (4 bins with free edges, 2000 points of
each blob, smearing 0.09, Adam at 0.001, double precision) on relaxed's own soft histogram and hypothesis test, with a
model of the same content as the demonstration's. relaxed 0.4.0 writes the tested value into the dictionary that a fit
hands to its objective, which current JAX refuses; here the fit gets a dictionary of its own, and is else the package's.

To prepare: an environment of its own with relaxed 0.4.0 and optax. To compare in one run on the same machine, call it
beside benchmarks/neos.py, whose steps do the same work and also make fresh points, errors and a history.

    python benchmarks/peers/relaxed_neos.py --width 64
"""

from __future__ import annotations

import argparse
import itertools
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import relaxed
from jax.scipy.special import gammaln
from jax.scipy.stats import norm
from relaxed import infer, mle

jax.config.update("jax_enable_x64", True)

MEANS = {"sig": (-1.0, 1.0), "nominal": (1.0, -1.0), "up": (2.5, 2.0), "down": (-2.5, -1.5)}
SCALES = {"sig": 20.0, "nominal": 100.0, "up": 100.0, "down": 100.0}
POINTS, BINS, BANDWIDTH, FLOOR = 2000, 4, 0.09, 1e-3


class Model(eqx.Module):
    """A signal of free strength on a background with one shape systematic (code 4p)."""

    hists: dict[str, jax.Array]

    def expected(self, pars):
        """The expected counts and the auxiliary measurement."""
        a, h = pars["alpha"], self.hists
        up, down = h["up"] - h["nominal"], h["nominal"] - h["down"]
        odd, even = 0.5 * (up + down), 0.0625 * (up - down)
        inner = a * odd + even * a**2 * (15.0 - 10.0 * a**2 + 3.0 * a**4)
        outer = jnp.where(a > 0, a * up, a * down)
        rate = pars["mu"] * h["sig"] + h["nominal"] + jnp.where(jnp.abs(a) < 1, inner, outer)
        return rate, a

    def logpdf(self, data, pars):
        """The logarithm of the likelihood."""
        rate, mean = self.expected(pars)
        counts, outcome = data
        return jnp.sum(counts * jnp.log(rate) - rate - gammaln(counts + 1.0)) + norm.logpdf(outcome, mean)


def mended_fit(data, model, poi_value, poi_name, init_pars, bounds=None, **settings):
    """The package's fit with a held parameter, which leaves the caller's dictionary as it was."""

    def objective(pars, model, data):
        return -model.logpdf(data=data, pars={**pars, poi_name: poi_value})

    whole = {"method": "LBFGSB", "maxiter": 500, "tol": 1e-6} | settings
    found = mle._minimize(objective, model, data, init_pars, bounds, **whole)
    return {**found, poi_name: poi_value}


def network(layers, points):
    """The network's output for points."""
    for weight, bias in layers[:-1]:
        points = jax.nn.relu(points @ weight + bias)
    weight, bias = layers[-1]
    return jax.nn.sigmoid(points @ weight + bias).ravel()


def loss(pars, data):
    """The expected CLs."""
    edges = jnp.concatenate([jnp.zeros(1), pars["edges"], jnp.ones(1)])
    hists = {
        name: relaxed.hist(network(pars["layers"], points), edges, BANDWIDTH) * SCALES[name] / POINTS + FLOOR
        for name, points in data.items()
    }
    model = Model(hists)
    alone = {"mu": jnp.asarray(0.0), "alpha": jnp.asarray(0.0)}
    start = {"mu": jnp.asarray(1.0), "alpha": jnp.asarray(0.0)}
    return infer.hypotest(1.0, model.expected(alone), model, start, expected_pars=alone)


def main() -> None:
    """Prints the time of a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    infer.fixed_poi_fit = mended_fit
    key, sizes = jax.random.key(0), [2, arguments.width, arguments.width, 1]
    layers = [
        (jax.random.normal(jax.random.fold_in(key, i), (a, b)) / jnp.sqrt(a), jnp.zeros(b))
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
    ]
    pars = {"layers": layers, "edges": jnp.linspace(0.0, 1.0, BINS + 1)[1:-1]}
    method = optax.adam(1e-3)
    state = method.init(pars)

    @jax.jit
    def step(pars, state, data):
        value, slope = jax.value_and_grad(loss)(pars, data)
        change, state = method.update(slope, state)
        return optax.apply_updates(pars, change), state, value

    @jax.jit
    def blobs(key):
        keys = dict(zip(MEANS, jax.random.split(key, len(MEANS)), strict=True))
        return {name: jnp.asarray(MEANS[name]) + jax.random.normal(keys[name], (POINTS, 2)) for name in MEANS}

    batches = [blobs(jax.random.fold_in(key, 100 + i)) for i in range(arguments.steps)]
    began, values, times = time.perf_counter(), [], []
    for data in batches:
        before, processor = time.perf_counter(), time.process_time()
        pars, state, value = jax.block_until_ready(step(pars, state, data))
        times.append((time.perf_counter() - before, time.process_time() - processor))
        values.append(float(value))
    warm = times[10:]
    bad = sum(not abs(value) < float("inf") for value in values)
    wall, cpu = (1e3 * sum(each) / len(warm) for each in zip(*warm, strict=True))
    print(
        f"width {arguments.width}: {wall:.2f} ms/step, {cpu:.2f} CPU ms; first {times[0][0]:.1f} s; {bad} bad; ", end=""
    )
    print(f"CLs {values[0]:.3g} to {values[-1]:.3g} in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

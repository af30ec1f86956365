"""A neural summary: a network that makes a few numbers of an event's observables."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Observables

LABEL = "summary"  # of the observables that a neural summary adds


class NeuralSummary(Stage):
    """A network applied event by event: takes rows of the observables, adds `Observables` labelled "summary".

    Slopes by nuisance parameters go through the network by forward-mode differentiation, so that the derivative of any
    sum over events by a nuisance is again a sum over events (de Castro and Dorigo, Comput. Phys. Commun. 244 (2019)
    170, differentiate the finished counts instead, which needs all events at once). The network works in
    the precision of its weights; usually it is a learned field of the design.
    """

    network: eqx.nn.MLP  # from the observables taken to the outputs
    rows: tuple[int, ...] = eqx.field(static=True)  # which observables it takes
    source: str = eqx.field(static=True, default="")  # their label
    label: str = eqx.field(static=True, default=LABEL)  # of what it adds

    name: ClassVar[str] = "neural_summary"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with the network's outputs and their slopes."""
        seen = events[Observables, self.source] if self.source else events[Observables]
        rows = np.array(self.rows)
        outputs, along = jax.linearize(self._outputs, seen.values[rows])
        return events.add(Observables(outputs, jax.vmap(along)(seen.slopes[:, rows])), self.label)

    def _outputs(self, values: Float[Array, "row event"]) -> Float[Array, "output event"]:
        precision = jax.tree.leaves(eqx.filter(self.network, eqx.is_inexact_array))[0].dtype
        outputs = jax.vmap(self.network, in_axes=1, out_axes=1)(values.astype(precision))
        return outputs.astype(values.dtype)


def dense_network(inputs: int, outputs: int, *, width: int = 100, depth: int = 2, key: Key[Array, ""]) -> eqx.nn.MLP:
    """A network of dense layers with rectifiers between them, its weights drawn as He et al. advise.

    Weights are normal with variance 2 / (inputs of the layer), 1 / inputs in the last layer, and biases zero (He,
    Zhang, Ren and Sun, ICCV 2015, section 2.2).

    Args:
        inputs: observables it takes [1].
        outputs: numbers it makes [1].
        width: units of each hidden layer [1].
        depth: hidden layers [1].
        key: decides the weights.
    """
    network = eqx.nn.MLP(inputs, outputs, width, depth, key=key)
    layers = []
    for number, (layer, own) in enumerate(zip(network.layers, jax.random.split(key, depth + 1), strict=True)):
        deviation = np.sqrt((2.0 if number < depth else 1.0) / layer.weight.shape[1])
        weight = deviation * jax.random.normal(own, layer.weight.shape, layer.weight.dtype)
        bias = jnp.zeros(layer.weight.shape[0], layer.weight.dtype)
        layers.append(eqx.tree_at(lambda each: (each.weight, each.bias), layer, (weight, bias)))
    return eqx.tree_at(lambda each: each.layers, network, tuple(layers))

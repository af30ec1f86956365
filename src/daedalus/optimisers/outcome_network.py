"""Outcome networks: a generative model of what an evaluation will say, given the design, learnt from noisy rows."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

HIDDEN = 16  # units of each of two layers
MEMBERS = 6  # of the ensemble
DRAWS = 8  # outcomes sampled from each member
STEPS = 150  # of Adam at each training
RATE = 0.02  # of Adam, falling to zero [1]
LOWEST = -7.0  # logarithm of the smallest spread [scales]
RIDGE = 10.0  # prior variance of level, line and bowl [squared scales]
STIFFNESS = 1.0  # of the normal prior on a layer's weights: 1 / (standard deviation squared * inputs) [1]


class Frame(eqx.Module):
    """In which coordinates a network reads places, and in which units it says outcomes."""

    centre: Float[Array, "param"]  # [1]
    sizes: Float[Array, "param"]  # of a step of one [share of range]
    basis: Float[Array, "param coordinate"]  # orthonormal directions of steps; zero where not used
    middle: Float[Array, "outcome"]  # [1]
    scale: Float[Array, "outcome"]  # [1]


class Examples(eqx.Module):
    """Rows to learn from, in a frame; of weight zero where a buffer is not filled."""

    coordinates: Float[Array, "row coordinate"]
    outcomes: Float[Array, "row outcome"]  # [scales]
    errors: Float[Array, "row outcome"]  # standard errors [scales]
    weights: Float[Array, "row"]  # [1]
    turns: Float[Array, "member row"]  # how often each member sees a row, one on average [1]


class Layers(eqx.Module):
    """One network: coordinates to the mean of every outcome, a bowl and two layers of tanh, and to its spread."""

    bowl: Float[Array, "*member outcome"]  # of the square of the coordinates
    line: Float[Array, "*member outcome coordinate"]
    level: Float[Array, "*member outcome"]
    width: Float[Array, "*member outcome"]  # logarithm of the spread where the layers say nothing
    first: Float[Array, "*member hidden coordinate"]
    first_bias: Float[Array, "*member hidden"]
    second: Float[Array, "*member hidden hidden"]
    second_bias: Float[Array, "*member hidden"]
    last: Float[Array, "*member outcome hidden"]
    last_width: Float[Array, "*member outcome hidden"]

    def __call__(self, coordinates: Float[Array, "coordinate"]) -> tuple[Array, Array]:
        """Mean and spread of the outcomes [scales]."""
        hidden = jnp.tanh(self.first @ coordinates + self.first_bias)
        hidden = jnp.tanh(self.second @ hidden + self.second_bias)
        bowl = self.level + self.line @ coordinates + self.bowl * (coordinates @ coordinates)
        return bowl + self.last @ hidden, jnp.exp(jnp.maximum(self.width + self.last_width @ hidden, LOWEST))

    def settled(self, examples: Examples, turns: Float[Array, "row"]) -> Layers:
        """The network with the bowls that describe the rows best, the other layers given: ridge regression."""
        mean, spread = jax.vmap(self)(examples.coordinates)
        square = jnp.sum(examples.coordinates**2, 1)
        terms = jnp.column_stack([jnp.ones_like(square), square, examples.coordinates])
        old = jnp.column_stack([self.level, self.bowl, self.line])
        precision = (examples.weights * turns)[:, None] / (spread**2 + examples.errors**2)

        def solve(old: Array, missing: Array, precision: Array) -> Array:
            normal = (terms.T * precision) @ terms + jnp.eye(len(old)) / RIDGE
            return jnp.linalg.solve(normal, (terms.T * precision) @ (missing + terms @ old))

        new = jax.vmap(solve, (0, 1, 1))(old, examples.outcomes - mean, precision)
        return dataclasses.replace(self, level=new[:, 0], bowl=new[:, 1], line=new[:, 2:])

    def improbability(self, examples: Examples, turns: Float[Array, "row"]) -> Float[Array, ""]:
        """Minus the logarithm of likelihood times prior, per row.

        An outcome is normal about the mean; its variance is that of the spread and that of the reported error.
        """
        mean, spread = jax.vmap(self)(examples.coordinates)
        variance = spread**2 + examples.errors**2
        each = 0.5 * jnp.sum((examples.outcomes - mean) ** 2 / variance + jnp.log(variance), 1)
        weights = examples.weights * turns
        layers = (self.first, self.second, self.last, self.last_width)
        prior = sum(0.5 * STIFFNESS * layer.shape[-1] * jnp.mean(layer**2) * layer.shape[0] for layer in layers)
        return (weights @ each + prior) / jnp.maximum(jnp.sum(weights), 1.0)


class OutcomeNetwork(eqx.Module):
    """The distribution of a design's outcome (scores and excesses) given its place: an ensemble of `Layers`.

    Evaluations come as means with standard errors, not as single events. So what is modelled is the distribution of
    the outcome that would be measured without error: a member says a normal distribution whose mean and spread depend
    on the place, and members differ because each has seen the rows with other weights (Bayesian bootstrap, Rubin, Ann.
    Statist. 9 (1981) 130). The spread is what the coordinates do not determine, above all the parameters that are not
    among them; the members' disagreement is what the rows do not determine. Samples are drawn from both, and what a
    search needs is averaged over samples. The idea of descending through a generative model trained where the search
    is, is L-GSO's (Shirobokov et al., NeurIPS 2020, arXiv:2002.04632), which models single events.
    """

    frame: Frame
    members: Layers  # axis member first
    draws: Float[Array, "draw outcome"]  # normal numbers, the same for every place, so that samples move smoothly
    objectives: int = eqx.field(static=True)  # outcomes that are scores; they come first

    @staticmethod
    def untrained(frame: Frame, objectives: int, *, key: Key[Array, ""]) -> OutcomeNetwork:
        """A network that has seen nothing: members with different layers, and with spread of one scale."""
        size, outcomes, dtype = frame.basis.shape[1], len(frame.middle), frame.centre.dtype
        keys = jax.random.split(key, 6)
        normal = lambda key, *shape: jax.random.normal(key, (MEMBERS, *shape), dtype) / shape[-1] ** 0.5
        zeros = lambda *shape: jnp.zeros((MEMBERS, *shape), dtype)
        members = Layers(
            bowl=zeros(outcomes),
            line=zeros(outcomes, size),
            level=zeros(outcomes),
            width=zeros(outcomes),
            first=normal(keys[0], HIDDEN, size),
            first_bias=normal(keys[1], 1, HIDDEN)[:, 0],
            second=normal(keys[2], HIDDEN, HIDDEN),
            second_bias=normal(keys[3], 1, HIDDEN)[:, 0],
            last=0.3 * normal(keys[4], outcomes, HIDDEN),
            last_width=zeros(outcomes, HIDDEN),
        )
        draws = jax.random.normal(keys[5], (DRAWS // 2, outcomes), dtype)
        return OutcomeNetwork(frame, members, jnp.concatenate([draws, -draws]), objectives)

    def __call__(self, step: Float[Array, "param"]) -> Float[Array, "output"]:
        """What sampled outcomes say after a step [sizes] from the frame's centre.

        The expected loss, then for every excess the expectation plus one standard deviation.
        """
        mean, spread = jax.vmap(Layers.__call__, (0, None))(self.members, self.frame.basis.T @ step)
        normalised = mean[:, None] + spread[:, None] * self.draws
        samples = (self.frame.middle + self.frame.scale * normalised).reshape(-1, len(self.frame.middle))
        loss = jnp.mean(jnp.sum(samples[:, : self.objectives], 1))
        excess = samples[:, self.objectives :]
        return jnp.append(loss, jnp.mean(excess, 0) + jnp.sqrt(jnp.var(excess, 0) + 1e-12))

    @eqx.filter_jit
    def seen_from(self, frame: Frame) -> OutcomeNetwork:
        """The same distributions in another frame; exact for an unchanged basis."""
        old, members = self.frame, self.members
        turn = old.basis.T @ ((frame.sizes / old.sizes)[:, None] * frame.basis)
        shift = old.basis.T @ ((frame.centre - old.centre) / old.sizes)
        ratio, offset = old.scale / frame.scale, (old.middle - frame.middle) / frame.scale
        moved = dataclasses.replace(
            members,
            bowl=ratio * members.bowl * jnp.mean(jnp.sum(turn**2, 0)),
            line=ratio[:, None] * (members.line @ turn + 2 * members.bowl[..., None] * (shift @ turn)),
            level=offset + ratio * (members.level + members.line @ shift + members.bowl * (shift @ shift)),
            width=members.width + jnp.log(ratio),
            first=members.first @ turn,
            first_bias=members.first_bias + members.first @ shift,
            last=ratio[:, None] * members.last,
        )
        return dataclasses.replace(self, frame=frame, members=moved)

    @eqx.filter_jit
    def trained(self, examples: Examples) -> OutcomeNetwork:
        """The network after more training, from its present weights on."""
        rule = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

        def member(layers: Layers, turns: Float[Array, "row"]) -> Layers:
            slope = jax.grad(Layers.improbability)
            layers = layers.settled(examples, turns)

            def improve(state: tuple, _: None) -> tuple[tuple, None]:
                layers, memory = state
                change, memory = rule.update(slope(layers, examples, turns), memory, layers)  # pyright: ignore
                return (optax.apply_updates(layers, change), memory), None  # pyright: ignore

            return jax.lax.scan(improve, (layers, rule.init(layers)), None, STEPS)[0][0]  # pyright: ignore

        return dataclasses.replace(self, members=jax.vmap(member)(self.members, examples.turns))

    @eqx.filter_jit
    def estimates(self, examples: Examples) -> Float[Array, "row outcome"]:
        """What the rows' outcomes [1] probably were without their errors: between what was measured and the mean.

        The nearer to what was measured, the smaller its error is against the spread of samples.
        """
        each = jax.vmap(jax.vmap(Layers.__call__, (None, 0)), (0, None))
        mean, spread = each(self.members, examples.coordinates)
        middle, variance = jnp.mean(mean, 0), jnp.var(mean, 0) + jnp.mean(spread**2, 0)
        trust = variance / (variance + examples.errors**2)
        return self.frame.middle + self.frame.scale * (middle + trust * (examples.outcomes - middle))

"""Interpolation of templates between a nominal and two varied ones, by the codes of HistFactory.

I0 is the nominal value, I+ and I- are those at alpha = +1 and -1. Source: Cranmer et al., HistFactory,
CERN-OPEN-2012-016, section 4.1, for codes 0, 1, 2 and 4; code 4p is the smooth form of code 0 of ROOT and pyhf.
"""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

AdditiveCode = Literal["code0", "code2", "code4p"]
FactorCode = Literal["code1", "code4"]

_POWERS = np.arange(1, 7)
_DERIVATIVES = ((np.ones(6), _POWERS), (_POWERS, _POWERS - 1), (_POWERS * (_POWERS - 1), _POWERS - 2))
# a_1 .. a_6 of a polynomial sum a_i alpha^i from its value, slope and curvature at +1 and -1, in pairs
_FROM_ENDS = np.linalg.inv([f * sign ** np.abs(power) for f, power in _DERIVATIVES for sign in (1.0, -1.0)])


def even_part(alpha: Float[Array, "*shape"], code: AdditiveCode) -> Float[Array, "*shape"]:
    """The even function h of an additive interpolation, I(alpha) = I0 + alpha S + h(alpha) D [1].

    S = (I+ - I-) / 2 and D = (I+ + I-) / 2 - I0, so that h(+-1) = 1 and h(0) = 0 give I(+-1) = I+- and I(0) = I0.
    code0: |alpha|, straight lines that meet in a kink, where the derivative is their mean. code2: alpha^2 within +-1
    and its tangents beyond; **continuous**, unlike pyhf's, whose lines restart at I0. code4p: |alpha| beyond +-1, and
    within the polynomial of sixth degree with the same value, slope and curvature there.

    Args:
        alpha: the nuisance parameter [its standard deviation].
        code: which.
    """
    size, inside = alpha * jnp.sign(alpha), jnp.abs(alpha) < 1
    if code == "code0":
        return size
    square = jnp.where(inside, alpha, 0.0) ** 2
    if code == "code2":
        return jnp.where(inside, square, 2.0 * size - 1.0)
    return jnp.where(inside, square * (15.0 + square * (3.0 * square - 10.0)) / 8.0, size)


def interpolated(
    alpha: Float[Array, ""],
    nominal: Float[Array, "*bins"],
    down: Float[Array, "*bins"],
    up: Float[Array, "*bins"],
    code: AdditiveCode = "code4p",
) -> Float[Array, "*bins"]:
    """A template at a nuisance parameter, by an additive code.

    Args:
        alpha: the nuisance parameter [its standard deviation].
        nominal: the template at 0 [events].
        down: at -1 [events].
        up: at +1 [events].
        code: which.
    """
    return nominal + alpha * 0.5 * (up - down) + even_part(alpha, code) * (0.5 * (up + down) - nominal)


class FactorCurves(eqx.Module):
    """The factors of normalisation systematics as functions of their nuisance parameters.

    code1: up^alpha above zero and down^-alpha below. code4: the same beyond +-1, and within a polynomial of sixth
    degree with the same value, slope and curvature at +-1, and the value 1 at 0.
    """

    odd: Float[Array, "*sys"]  # (ln up - ln down) / 2
    even: Float[Array, "*sys"]  # (ln up + ln down) / 2
    inside: Float[Array, "6 *sys"]  # a_1 .. a_6 of the polynomial
    code: FactorCode = eqx.field(static=True)

    @staticmethod
    def of(down: Float[Array, "*sys"], up: Float[Array, "*sys"], code: FactorCode = "code4") -> FactorCurves:
        """The curves through given factors.

        Args:
            down: factors at -1, positive [1].
            up: factors at +1, positive [1].
            code: which.
        """
        high, low = jnp.log(up), jnp.log(down)
        ends = jnp.stack([up - 1, down - 1, up * high, -down * low, up * high**2, down * low**2])
        inside = jnp.tensordot(jnp.asarray(_FROM_ENDS, ends.dtype), ends, 1)
        return FactorCurves(0.5 * (high - low), 0.5 * (high + low), inside, code)

    def __call__(self, alpha: Float[Array, "*sys"]) -> Float[Array, "*sys"]:
        """The factors at nuisance parameters [1].

        Args:
            alpha: one per systematic [its standard deviation].
        """
        if self.code == "code1":
            return jnp.exp(alpha * (self.odd + jnp.sign(alpha) * self.even))
        within = jnp.abs(alpha) < 1
        near, far = jnp.where(within, alpha, 0.0), jnp.where(within, 1.0, alpha)
        polynomial = jnp.zeros_like(near)
        for coefficient in self.inside[::-1]:
            polynomial = (polynomial + coefficient) * near
        return jnp.where(within, 1.0 + polynomial, jnp.exp(far * self.odd + jnp.abs(far) * self.even))

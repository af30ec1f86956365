"""An unknown momentum says the same of every event."""

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.events import Momenta, blank_events
from daedalus.reconstruction.unknown_momentum import UnknownMomentum


def test_every_event_has_the_assumed_value():
    events = UnknownMomentum(3.0, 0.5)(blank_events(jnp.arange(5, dtype=jnp.uint32)), key=jax.random.key(0))
    np.testing.assert_array_equal(events[Momenta].value, np.full(5, 3.0))
    np.testing.assert_array_equal(events[Momenta].relative_error, np.full(5, 0.5))

"""What may vary: the network that summarises an event. There is no hardware."""

from __future__ import annotations

import equinox as eqx

from daedalus.core import Design, learned


class SummaryDesign(Design):
    """An analysis whose only freedom is the network behind its histogram."""

    network: eqx.nn.MLP = learned(doc="from the observables to one number per bin, or to the logit of a classifier")

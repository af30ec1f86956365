"""Tracking: telescopes of position detectors, and how well they point back to where particles came from."""

from daedalus.catalogue import Offer, Study

STUDY = Study(
    name="tracking",
    doc="how well a row of position detectors points back to where particles came from",
    offers={
        "telescope": Offer(
            doc="impact resolution and cost of a beam telescope of silicon strips",
            problem="daedalus.studies.tracking.problem:telescope",
            recipe="daedalus.studies.tracking.problem:telescope_recipe",
            figures="daedalus.studies.tracking.figures:telescope_figures",
            layout="daedalus.studies.tracking.layout:telescope_layout",
        )
    },
)

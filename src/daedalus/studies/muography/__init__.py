"""Absorption muography: what hides in a hill, told from how many cosmic muons come through it."""

from daedalus.catalogue import Offer, Study

STUDY = Study(
    name="muography",
    doc="what hides in a hill, told from how many cosmic muons come through it",
    offers={
        "telescope_placement": Offer(
            doc="where muon telescopes around a hill find a void soonest",
            problem="daedalus.studies.muography.problem:telescope_placement",
            recipe="daedalus.studies.muography.problem:telescope_recipe",
            figures="daedalus.studies.muography.figures:telescope_figures",
        )
    },
)

"""Muon-scattering tomography: what is inside something that only cosmic muons can pass."""

from daedalus.catalogue import Offer, Study

STUDY = Study(
    name="muon_tomography",
    doc="what is inside something that only cosmic muons can pass",
    offers={
        "ladle_fill_level": Offer(
            doc="fill level of a steel ladle by scattering of cosmic muons",
            problem="daedalus.studies.muon_tomography.ladle.problem:ladle_fill_level",
            recipe="daedalus.studies.muon_tomography.ladle.problem:ladle_recipe",
            figures="daedalus.studies.muon_tomography.ladle.figures:ladle_figures",
        )
    },
)

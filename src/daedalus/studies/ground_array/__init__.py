"""Ground arrays: where to put the tanks of a gamma-ray observatory."""

from daedalus.catalogue import Offer, Study

STUDY = Study(
    name="ground_array",
    doc="where to put the water-Cherenkov units of a gamma-ray observatory on the ground",
    offers={
        "swgo_flux": Offer(
            doc="positions of units for the flux of gamma rays among protons, within a site",
            problem="daedalus.studies.ground_array.problem:swgo_flux",
            recipe="daedalus.studies.ground_array.problem:array_recipe",
            figures="daedalus.studies.ground_array.figures:array_figures",
            layout="daedalus.studies.ground_array.elements:array_layout",
            ground="daedalus.studies.ground_array.elements:array_ground",
            ideals="daedalus.studies.ground_array.ideals:array_ideals",
        ),
        "swgo_multi": Offer(
            doc="positions of units for flux, energy, direction and cable together",
            problem="daedalus.studies.ground_array.problem:swgo_multi",
            recipe="daedalus.studies.ground_array.problem:array_recipe",
            figures="daedalus.studies.ground_array.figures:array_figures",
            layout="daedalus.studies.ground_array.elements:array_layout",
            ground="daedalus.studies.ground_array.elements:array_ground",
        ),
    },
)

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
            layout="daedalus.studies.muon_tomography.layout:scanner_layout",
            ideals="daedalus.studies.muon_tomography.ladle.ideals:ladle_ideals",
        ),
        "x0_imaging": Offer(
            doc="map of the radiation length of blocks in a cubic metre",
            problem="daedalus.studies.muon_tomography.blocks.problem:x0_imaging",
            recipe="daedalus.studies.muon_tomography.blocks.problem:scanner_recipe",
            figures="daedalus.studies.muon_tomography.blocks.figures:imaging_figures",
            layout="daedalus.studies.muon_tomography.layout:scanner_layout",
        ),
        "cargo_hodoscopes": Offer(
            doc="something dense hidden in a steel box between movable hodoscopes",
            problem="daedalus.studies.muon_tomography.cargo.problem:cargo_hodoscopes",
            recipe="daedalus.studies.muon_tomography.cargo.problem:cargo_recipe",
            figures="daedalus.studies.muon_tomography.cargo.figures:cargo_figures",
            layout="daedalus.studies.muon_tomography.layout:scanner_layout",
        ),
        "walls": Offer(
            doc="walls buried in ten metres of soil",
            problem="daedalus.studies.muon_tomography.walls.problem:walls",
            recipe="daedalus.studies.muon_tomography.walls.problem:walls_recipe",
            figures="daedalus.studies.muon_tomography.walls.figures:walls_figures",
            layout="daedalus.studies.muon_tomography.layout:scanner_layout",
        ),
        "block_detection": Offer(
            doc="a dense block hidden among scrap in a cubic metre",
            problem="daedalus.studies.muon_tomography.blocks.problem:block_detection",
            recipe="daedalus.studies.muon_tomography.blocks.problem:scanner_recipe",
            figures="daedalus.studies.muon_tomography.blocks.figures:detection_figures",
            layout="daedalus.studies.muon_tomography.layout:scanner_layout",
        ),
    },
)

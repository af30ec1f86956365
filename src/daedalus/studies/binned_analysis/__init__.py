"""Binned analysis: what an event is summarised by, where it is cut and how it is binned, for the final uncertainty."""

from daedalus.catalogue import Offer, Study

_HERE = "daedalus.studies.binned_analysis"

STUDY = Study(
    name="binned_analysis",
    doc="summaries, cuts and bins that leave the least uncertainty, systematic ones included",
    offers={
        "inferno_synthetic": Offer(
            doc="a neural summary of three observables for the yield of a signal with nuisances (INFERNO's benchmarks)",
            problem=f"{_HERE}.inferno.problem:inferno_synthetic",
            recipe=f"{_HERE}.inferno.problem:inferno_recipe",
            figures=f"{_HERE}.inferno.figures:inferno_figures",
        ),
        "telescope_with_inference": Offer(
            doc="a telescope and the bins of its analysis together, for the yield of charm",
            problem=f"{_HERE}.telescope.problem:telescope_with_inference",
            recipe=f"{_HERE}.telescope.problem:telescope_recipe",
            figures=f"{_HERE}.telescope.figures:telescope_figures",
        ),
        "neos_blobs": Offer(
            doc="a network and its bins trained for the limit on a signal over an uncertain shape (neos)",
            problem=f"{_HERE}.blobs.problem:neos_blobs",
            recipe=f"{_HERE}.blobs.problem:blobs_recipe",
            figures=f"{_HERE}.blobs.figures:blobs_figures",
        ),
        "cut_and_binning": Offer(
            doc="a cut and the bins of a falling spectrum for a peak, with four kinds of systematic uncertainty",
            problem=f"{_HERE}.selection.problem:cut_and_binning",
            recipe=f"{_HERE}.selection.problem:selection_recipe",
            figures=f"{_HERE}.selection.figures:selection_figures",
        ),
    },
)

"""Test functions: design tasks with known answers, on which every method of search can be measured."""

from daedalus.catalogue import Offer, Study

_HERE = "daedalus.studies.test_functions"

STUDY = Study(
    name="test_functions",
    doc="design tasks with known answers, on which methods of search are measured",
    offers={
        "three_hump": Offer(
            doc="two parameters, a stochastic mixture whose category has no derivative",
            problem=f"{_HERE}.hump:three_hump",
            recipe=f"{_HERE}.hump:hump_recipe",
        ),
        "submanifold_hump_40": Offer(
            doc="the same behind a curved map of forty parameters to two",
            problem=f"{_HERE}.hump:submanifold_hump_40",
            recipe=f"{_HERE}.hump:hump_recipe",
        ),
        "rosenbrock_10": Offer(
            doc="a bent valley in ten parameters, noisy",
            problem=f"{_HERE}.valley:rosenbrock_10",
            recipe=f"{_HERE}.valley:valley_recipe",
        ),
        "submanifold_rosenbrock_100": Offer(
            doc="the same on a hidden plane of ten directions among a hundred",
            problem=f"{_HERE}.valley:submanifold_rosenbrock_100",
            recipe=f"{_HERE}.valley:valley_recipe",
        ),
        "whole_rosenbrock": Offer(
            doc="a bent valley of two lengths, a whole number and a choice, noisy",
            problem=f"{_HERE}.valley:whole_rosenbrock",
            recipe=f"{_HERE}.valley:whole_recipe",
        ),
        "g06": Offer(
            doc="two parameters, two constraints that leave a thin crescent",
            problem=f"{_HERE}.crescent:g06",
            recipe=f"{_HERE}.crescent:g06_recipe",
        ),
        "zdt1": Offer(
            doc="thirty parameters, two objectives with a known front",
            problem=f"{_HERE}.front:zdt1",
            recipe=f"{_HERE}.front:zdt1_recipe",
        ),
    },
)

"""Frames, boxes, voxels and elements: where things are, and how straight lines cross them."""

from daedalus.geometry.boxes import Box, crossing
from daedalus.geometry.elements import Element, check_names, overlaps, plain
from daedalus.geometry.voxels import Voxels, walk

__all__ = ["Box", "Element", "Voxels", "check_names", "crossing", "overlaps", "plain", "walk"]

"""Frames, boxes and voxels: where things are, and how straight lines cross them."""

from daedalus.geometry.boxes import Box, crossing
from daedalus.geometry.voxels import Voxels, walk

__all__ = ["Box", "Voxels", "crossing", "walk"]

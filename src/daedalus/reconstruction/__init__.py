"""Reconstruction: from hits to tracks, directions and points of closest approach."""

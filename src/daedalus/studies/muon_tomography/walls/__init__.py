"""Walls: what lies buried in ten metres of soil."""

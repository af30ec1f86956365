"""Detectors: what an apparatus records of the particles that pass it."""

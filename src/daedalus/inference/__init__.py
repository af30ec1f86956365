"""Inference: from reconstructed events to the quantity wanted, with its uncertainty."""

"""Binned likelihoods of the HistFactory kind whose templates may depend on a design."""

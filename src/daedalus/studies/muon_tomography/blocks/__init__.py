"""Blocks: imaging what stands in a cubic metre, and telling whether something dense is hidden in it."""

"""Transport: what matter and fields do to particles on their way."""

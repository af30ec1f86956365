"""INFERNO's synthetic problem: a neural summary for the yield of a signal over an uncertain background."""

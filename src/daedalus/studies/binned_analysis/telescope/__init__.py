"""A telescope and the analysis of what it measures, designed together."""

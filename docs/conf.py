"""How Sphinx builds these pages: Markdown through MyST, nothing else."""

project = "Daedalus"
author = "The Daedalus developers"
copyright = "The Daedalus developers, Apache-2.0"

extensions = ["myst_parser"]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository outside docs

html_theme = "furo"
html_title = "Daedalus"

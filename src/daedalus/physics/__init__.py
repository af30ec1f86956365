"""Ground: numbers and laws of nature; no pipeline, no optimiser, no apparatus."""

"""Pictures: what the figures of all problems of the study share; no task of its own."""

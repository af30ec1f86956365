"""Studies: packaged design tasks, each an island; they use everything below and never each other."""

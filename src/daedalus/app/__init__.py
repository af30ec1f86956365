"""The application: command line, configuration files, figures and reports; no physics and no search."""

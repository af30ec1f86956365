"""The application: command line, configuration files, figures and reports. It holds no physics and no search."""

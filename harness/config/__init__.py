"""Configuration: brownout.yaml and experiment files, with errors that name the place."""

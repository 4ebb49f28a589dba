"""What people are told: one file per format, each a pure function of a run's result."""

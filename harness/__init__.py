"""What runs an experiment: app under test, load, journal, traces, statistics, verdict, command line."""

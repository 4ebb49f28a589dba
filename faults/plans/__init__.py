"""Fault plans: which faults, on which calls, when and how often."""

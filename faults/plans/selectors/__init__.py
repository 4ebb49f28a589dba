"""Keyed selectors, one file each: which of the calls in scope a rule hits."""

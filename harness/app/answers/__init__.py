"""The formats of answers that are read, one file each."""

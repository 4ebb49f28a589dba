"""Apps under test that ship with brownout, one file each."""

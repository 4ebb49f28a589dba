"""The experiments that ship with brownout."""

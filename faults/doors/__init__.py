"""The doors through which an app reaches a simulated backend."""

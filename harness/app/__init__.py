"""The app under test: starting it, waiting for it, reading its answers."""

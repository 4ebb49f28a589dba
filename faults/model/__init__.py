"""The simulated model: what it says, how fast, and how much it can carry."""

"""What a backend does when it goes wrong: values, faults, dialects, the simulated model and the doors."""

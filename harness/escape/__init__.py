"""No escape: while an app is tested, what it calls beyond the simulated backends is refused, counted and told."""

"""Child processes that never outlive the harness: `child` is its side, `keeper` the small process beside each child."""

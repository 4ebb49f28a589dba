"""What must hold: experiments, checks, users, and the demo app."""

"""A support-desk assistant with switchable protections: the app that brownout tests when none is given."""

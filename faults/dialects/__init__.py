"""Provider wire formats, one file each."""

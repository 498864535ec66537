"""Is it real: reliability of scales and response style."""

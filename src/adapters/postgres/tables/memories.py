"""What the built-in memory remembers."""

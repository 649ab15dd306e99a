"""The meta API of one realm: its procedures, and its events (6.12 to 6.17)."""

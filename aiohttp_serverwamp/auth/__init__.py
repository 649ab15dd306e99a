"""Authentication: one authmethod a module, each a small sans-I/O class."""

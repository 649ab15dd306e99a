"""Everything that knows an async library or a server."""

"""A package, for other distributions leave a ``tests`` of theirs in site-packages."""

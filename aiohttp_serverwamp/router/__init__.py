"""The sans-I/O core: sessions, broker, dealer; no await, clock or socket."""

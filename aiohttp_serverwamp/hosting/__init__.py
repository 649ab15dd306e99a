"""Application code as a peer of its realm."""

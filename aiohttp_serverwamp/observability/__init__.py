"""What operators see: observers, the access log, metrics and traces."""

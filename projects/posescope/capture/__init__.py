"""Look into any model while it runs: read, keep and replace what its modules give."""

"""How a handler runs: worker process, command, or in the daemon's own process."""

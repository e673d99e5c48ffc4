"""HTTP: the AWS JSON protocol, the guard against foreign callers, health."""

"""Event source mappings: batches of stream records become invocations of a function."""

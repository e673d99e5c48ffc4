"""What mappings and custom consumers share: the order of shards and their checkpoints."""

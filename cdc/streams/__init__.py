"""DynamoDB Streams: which record a change makes, shards, iterators, reading and retention."""

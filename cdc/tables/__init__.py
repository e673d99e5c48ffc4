"""DynamoDB table operations: definitions, writes, reads and batches."""

"""The outbox at work: messages about discarded batches go to their destinations, until each is sent or given up."""

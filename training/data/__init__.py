"""Episodes to shards to batches. No torch in here: the stages turn numpy batches into tensors."""

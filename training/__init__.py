"""Training: simulated worlds, data, the training stages, evaluation and export. The only floor beside models' heavy
half that knows torch."""

"""What torch modules, tensors and checkpoints need everywhere: nothing here knows of a training."""

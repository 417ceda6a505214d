"""What is read from torch tensors that flow by, on their device and without waiting for it."""

"""GANs that fail or succeed on purpose, with ground truth; benchmarks/ trains the bench's runs from them."""

"""GANs that fail or succeed on purpose, with ground truth, and a bench that scores detectors on them."""

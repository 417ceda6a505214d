"""What a training loop talks to, and the thread that takes its records to disk."""

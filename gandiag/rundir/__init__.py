"""The run directory on disk, written while a training runs, and `Run`, which reads it."""

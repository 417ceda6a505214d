"""A page that follows trainings while they run: a small server on this machine, which only reads run directories."""

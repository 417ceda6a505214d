"""Runs that were trained without gandiag: from their logs to a run directory."""

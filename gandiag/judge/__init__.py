"""From a record to a diagnosis: which detectors run, live or afterwards, and what led to what. Imports no torch."""

"""Adapters for training frameworks; each imports its framework, so import the one that is needed."""

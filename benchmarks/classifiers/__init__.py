"""Trains the classifiers that ship with gandiag."""

"""Labelled modes."""

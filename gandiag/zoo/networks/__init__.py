"""The networks of the recipes, as values: frozen dataclasses that build a fresh torch module when called."""

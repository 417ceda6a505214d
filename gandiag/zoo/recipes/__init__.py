"""The recipes of the zoo, by what they show."""

"""All that measures gandiag itself: its cost, how often it is right, published tables made again. Not in the wheel."""

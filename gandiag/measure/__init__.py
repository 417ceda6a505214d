"""From raw records to signals, with numpy, on the background thread."""

"""How often the gate is right: its power and its false alarms, on exact samplers and on trained checkpoints."""

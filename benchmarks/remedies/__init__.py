"""Whether the first remedy of a failure helps, against an unchanged training with another seed."""

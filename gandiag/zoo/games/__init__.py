"""Kinds of GAN that are more than a choice of parts: each changes what the two players minimise."""

"""Quality of generated samples: Fréchet distance, Inception Score, KID, precision and recall, and kin, on the device.

Every value carries its protocol, so that only values measured alike are compared.
"""

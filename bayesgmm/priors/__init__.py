"""What is believed before the data are seen: frozen, printable, and free of any sampler."""

"""Arrays in, arrays out: the arithmetic that everything above is made of."""

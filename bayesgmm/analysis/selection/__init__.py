"""How many components: fits over a grid, and criteria that compare them."""

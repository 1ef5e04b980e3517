"""Selection of the number of components and the covariance structure, and model comparison."""

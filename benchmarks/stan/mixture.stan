// A mixture of normals, allocations summed out; the priors of half_normal_spec in cases.py.
data {
  int<lower=1> n;
  int<lower=1> d;
  int<lower=2> k;
  matrix[n, d] x;
  vector[d] center;
  vector<lower=0>[d] width;
  vector<lower=0>[d] typical_scale;
}
transformed data {
  matrix[d, n] columns = x';
}
parameters {
  simplex[k] weights;
  vector[d] means[k];
  vector<lower=0>[d] scales[k];
  cholesky_factor_corr[d] roots[k];
}
model {
  // All rows are whitened by one triangular solve for each component, not row by row.
  matrix[k, n] log_densities;
  for (c in 1:k) {
    matrix[d, d] root = diag_pre_multiply(scales[c], roots[c]);
    matrix[d, n] whitened = mdivide_left_tri_low(root, columns - rep_matrix(means[c], n));
    real constant = log(weights[c]) - sum(log(diagonal(root)));
    log_densities[c] = constant - 0.5 * columns_dot_self(whitened);
    means[c] ~ normal(center, width);
    scales[c] ~ normal(0, typical_scale);
    roots[c] ~ lkj_corr_cholesky(2);
  }
  for (i in 1:n)
    target += log_sum_exp(log_densities[, i]);
}

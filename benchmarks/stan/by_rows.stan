// The mixture of mixture.stan as it is usually written: one normal density for every row and
// component.
data {
  int<lower=1> n;
  int<lower=1> d;
  int<lower=2> k;
  matrix[n, d] x;
  vector[d] center;
  vector<lower=0>[d] width;
  vector<lower=0>[d] typical_scale;
}
parameters {
  simplex[k] weights;
  vector[d] means[k];
  vector<lower=0>[d] scales[k];
  cholesky_factor_corr[d] roots[k];
}
model {
  vector[k] log_weights = log(weights);
  matrix[d, d] factors[k];
  for (c in 1:k) {
    factors[c] = diag_pre_multiply(scales[c], roots[c]);
    means[c] ~ normal(center, width);
    scales[c] ~ normal(0, typical_scale);
    roots[c] ~ lkj_corr_cholesky(2);
  }
  for (i in 1:n) {
    vector[k] terms = log_weights;
    for (c in 1:k)
      terms[c] += multi_normal_cholesky_lpdf(x[i]' | means[c], factors[c]);
    target += log_sum_exp(terms);
  }
}

# RStan: one line of JSON in, one out. Called with the path of the Stan program.
suppressMessages({
  library(rstan)
  library(jsonlite)
})
# Debian's package of Boost lies where the compiler looks anyway, and RStan does not.
if (!nzchar(rstan_options("boost_lib"))) rstan_options(boost_lib = "/usr/include")
rstan_options(auto_write = TRUE)
path <- commandArgs(trailingOnly = TRUE)[1]
model <- NULL

version <- function() {
  list(version = as.character(packageVersion("rstan")), R = as.character(getRversion()))
}

# Compile the program; afresh, or with what an earlier process left beside it.
compile <- function(fresh = FALSE) {
  if (fresh) unlink(sub("[.]stan$", ".rds", path))
  seconds <- system.time(model <<- stan_model(path))[["elapsed"]]
  list(seconds = seconds)
}

# Seconds for so many gradients of the log posterior at one point.
gradient <- function(data, init, repeats) {
  fit <- sampling(model, data, chains = 1, iter = 1, algorithm = "Fixed_param", refresh = 0)
  position <- unconstrain_pars(fit, init)
  seconds <- system.time(
    for (i in seq_len(repeats)) value <- grad_log_prob(fit, position)
  )[["elapsed"]]
  list(seconds = seconds, log_density = attr(value, "log_prob"))
}

# Chains in forked processes; the draws go to a file, an array (draw, chain, quantity).
draw <- function(data, inits, tune, draws, cores, seed, file) {
  run <- function(chain) {
    sampling(model, data,
      chains = 1, chain_id = chain, init = inits[chain], iter = tune + draws, warmup = tune,
      seed = seed, refresh = 0
    )
  }
  seconds <- system.time(
    fits <- parallel::mclapply(seq_along(inits), run, mc.cores = cores)
  )[["elapsed"]]
  quantities <- c("weights", "means", "scales")
  arrays <- lapply(fits, function(fit) as.array(fit, pars = quantities)[, 1, ])
  values <- aperm(simplify2array(arrays), c(1, 3, 2))
  writeBin(as.vector(values), file)
  divergences <- sum(sapply(fits, get_num_divergent))
  list(seconds = seconds, shape = dim(values), divergences = divergences)
}

jobs <- list(version = version, compile = compile, gradient = gradient, draw = draw)
input <- file("stdin", open = "r")
while (length(line <- readLines(input, n = 1)) > 0) {
  question <- fromJSON(line, simplifyDataFrame = FALSE)
  result <- suppressMessages(suppressWarnings(
    do.call(jobs[[question$job]], as.list(question$arguments))
  ))
  cat("\nANSWER ", toJSON(result, auto_unbox = TRUE, digits = NA), "\n", sep = "")
  flush(stdout())
}

# mclust: one line of JSON in, one out. Times itself.
suppressMessages({
  library(mclust)
  library(jsonlite)
})

version <- function() {
  list(version = as.character(packageVersion("mclust")), R = as.character(getRversion()))
}

# BIC of a grid of numbers of components and families; ours has the other sign.
sweep <- function(path, n_components, families) {
  X <- as.matrix(read.csv(path, header = FALSE))
  seconds <- system.time(
    bic <- mclustBIC(X, G = n_components, modelNames = families, verbose = FALSE)
  )[["elapsed"]]
  values <- matrix(-as.vector(bic[, families]), ncol = length(families))
  list(seconds = seconds, bic = values)
}

# Rows for `em`: doubles, column after column.
read_rows <- function(path, n, d) {
  X <<- matrix(readBin(path, "double", n * d), nrow = n)
  list(rows = nrow(X))
}

# So many iterations of EM with full covariances, from equal weights and unit covariances.
em_steps <- function(means, iterations) {
  centers <- t(means)
  d <- nrow(centers)
  k <- ncol(centers)
  variance <- list(
    modelName = "VVV", d = d, G = k, sigma = array(diag(d), c(d, d, k)),
    cholsigma = array(diag(d), c(d, d, k))
  )
  start <- list(pro = rep(1 / k, k), mean = centers, variance = variance)
  control <- emControl(tol = 0, itmax = iterations)
  seconds <- system.time(
    result <- em(data = X, modelName = "VVV", parameters = start, control = control)
  )[["elapsed"]]
  # Negative where the limit has ended them.
  list(seconds = seconds, iterations = abs(attr(result, "info")[["iterations"]]))
}

jobs <- list(version = version, sweep = sweep, read = read_rows, em = em_steps)
input <- file("stdin", open = "r")
while (length(line <- readLines(input, n = 1)) > 0) {
  question <- fromJSON(line)
  result <- suppressMessages(suppressWarnings(
    do.call(jobs[[question$job]], as.list(question$arguments))
  ))
  cat("\nANSWER ", toJSON(result, auto_unbox = TRUE, digits = NA, na = "null"), "\n", sep = "")
  flush(stdout())
}

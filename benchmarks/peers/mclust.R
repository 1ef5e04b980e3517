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

jobs <- list(version = version, sweep = sweep)
input <- file("stdin", open = "r")
while (length(line <- readLines(input, n = 1)) > 0) {
  question <- fromJSON(line)
  result <- suppressMessages(suppressWarnings(
    do.call(jobs[[question$job]], as.list(question$arguments))
  ))
  cat("\nANSWER ", toJSON(result, auto_unbox = TRUE, digits = NA, na = "null"), "\n", sep = "")
  flush(stdout())
}

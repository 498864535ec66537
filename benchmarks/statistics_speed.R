# CPU seconds of R for what benchmarks/statistics_work.py does, on the same tables; each once, slow loops in part and scaled up.
#
#     Rscript benchmarks/statistics_speed.R FOLDER

suppressMessages({
  library(psych)
  library(lme4)
})
options(mc.cores = 1)
folder <- commandArgs(trailingOnly = TRUE)[1]
table_of <- function(name) read.csv(file.path(folder, name))

seconds <- function(name, times, work) {
  invisible(capture.output(spent <- system.time(suppressMessages(suppressWarnings(work)))))
  cat(name, times * sum(spent[c("user.self", "sys.self", "user.child", "sys.child")]), "\n")
}

cat("R ", as.character(getRversion()), ", psych ", as.character(packageVersion("psych")),
    ", lme4 ", as.character(packageVersion("lme4")), "\n", sep = "")

bfi <- table_of("bfi.csv")
gstudy <- table_of("gstudy.csv")
effects <- score ~ 1 + (1 | llm) + (1 | persona) + (1 | item) + (1 | llm:persona) + (1 | llm:item) + (1 | persona:item) +
  (1 | llm:persona:item) + (1 | llm:persona:run)

seconds("components_of_a_study", 1, lmer(effects, gstudy))
seconds("bootstrap_of_loadings", 10, fa(bfi, 5, n.iter = 100, rotate = "oblimin"))
seconds("polychoric_parallel_analysis", 5, fa.parallel(bfi, cor = "poly", n.iter = 20, plot = FALSE))
seconds("polychoric_of_a_form", 1, polychoric(table_of("form.csv")))

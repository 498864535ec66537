"""Structure of a correlation matrix: how many factors there are, which ones, and whether they are found elsewhere."""

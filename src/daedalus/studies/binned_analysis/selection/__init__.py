"""A selection without a network: a cut in one variable and the bins of another, with systematic uncertainties."""

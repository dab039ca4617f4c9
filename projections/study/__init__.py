"""Studies: the study file, publishing it, enrolling patients, minting tokens for tests."""

"""How robust a classifier is: accuracy under PGD against ε, attacks that change real words, calibration."""

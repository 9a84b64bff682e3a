"""Laws: formulas, their derivatives and the catalogue, independent of data and fitting."""

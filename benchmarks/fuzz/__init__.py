"""Random and damaged input, which must end in an answer or in an error of the library."""

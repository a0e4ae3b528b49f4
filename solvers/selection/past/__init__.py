"""Results of elsewhere, and the files that they come in."""

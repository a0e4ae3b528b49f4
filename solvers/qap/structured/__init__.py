"""The kernel ``qap.fft``: exact transforms and collapses where a matrix has a structure that is proved to be there."""

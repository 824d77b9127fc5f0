"""Bessel functions of all kinds, Airy, Kelvin and Struve functions: ufuncs of `scipy.special`."""

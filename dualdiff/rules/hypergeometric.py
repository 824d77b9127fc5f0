"""Elliptic integrals, hypergeometric functions, orthogonal polynomials: ufuncs of `scipy.special`."""

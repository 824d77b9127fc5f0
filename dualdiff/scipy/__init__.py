"""SciPy's Python-level functions, differentiable: the same names, arguments and values.

SciPy's ufuncs (``scipy.special.erf``) reach their rules by themselves; the functions here do not dispatch in SciPy,
so they are imported from here instead:

    from dualdiff.scipy import special, linalg, integrate, interpolate, stats
    from dualdiff.scipy.sparse import spsolve

On plain arrays each is SciPy's own function; SciPy makes every value, the rule adds the tangent.
SciPy is optional: only importing one of these modules needs it.

    forms.py            how a function of SciPy is given a rule
    special.py  linalg.py  integrate.py  interpolate.py  stats.py
    sparse.py           systems with a constant sparse matrix: what scipy.sparse.linalg has of them
"""

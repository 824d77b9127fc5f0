"""Values: what a rule may run on, and how operations on them find their rule.

    dual.py          Dual: a value and its tangent
    indexing.py      what an index takes of it
    storage.py       buffers written in place, and the views that must see it
    levels.py        to which differentiation an operation belongs
    objects.py       "does this carry a derivative?"; object arrays and lists of Duals
    foreign.py       arrays of other packages: what NumPy sees of them, and which are refused by name
    protocols.py     NumPy's two protocols: from a call to the rule
    rebinding.py     ``plain += dual``
    declarations.py  what type checkers know of Dual

The contract of a value: ``shape``, ``ndim``, ``size`` and ``dtype``, NumPy's two protocols, indexing, and the methods
``reshape``, ``transpose``, ``astype``, ``copy``, ``swapaxes``, ``real`` and ``imag``.  Not every value can be written
in place, asked for the truth of an entry, or viewed.  ndarrays, NumPy's scalars and Python floats are tested for first;
a Dual of an outer level is a value like any other.
"""

"""Values: what a rule may run on, and how operations on them find their rule.

    dual.py          Dual: a value and its tangent
    indexing.py      what an index takes of it
    storage.py       buffers written in place, and the views that must see it
    refilling.py     work arrays that are filled again by another transform
    levels.py        to which differentiation an operation belongs
    objects.py       "does this carry a derivative?"; object arrays and lists of Duals
    entries.py       what NumPy asks of the entries of such arrays, and when its answer would be wrong
    foreign.py       arrays of other packages: what NumPy sees of them, and which are refused by name
    protocols.py     NumPy's two protocols: from a call to the rule
    rebinding.py     ``plain += dual``
    choices.py       comparisons, roundings and the like, noted for who has to know what a function decides
    declarations.py  what type checkers know of Dual

The contract of a value: ``shape``, ``ndim``, ``size``, ``dtype`` and ``nbytes``, NumPy's two protocols, indexing, and
the methods ``reshape``, ``transpose``, ``swapaxes``, ``astype``, ``copy``, ``real`` and ``imag``.  Optional:

    written in place          needed where the user's own code writes into it; nothing else does
    asked for its truth       bool(np.any(...)): a few rules look at entries; a lazy array is then calculated
    views that share memory   known of ndarrays alone; of others a write below a living view is refused

ndarrays, NumPy's scalars and Python floats are tested for first, so that nothing else costs them anything; a Dual of an
outer level is a value like any other.  `dualdiff.testing.check_value_type` runs derivatives on a kind of value.
"""

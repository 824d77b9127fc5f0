"""What derivatives are good for and what they cost: ``python -m benchmarks``.

sections.py         what there is to run, each row a task; __main__.py runs them, tables.py and plots.py show them,
                    report.py on one page; tour.ipynb: a notebook to read
rows.py             from a problem to its row: the answer checked (answers.py), then times; measuring.py takes numbers
problems.py         a plain NumPy function and the operator it is differentiated by
overhead.py         small and large operations, loops
manifolds.py        losses of optimisation on manifolds
adbench.py          gaussian_mixture.py, bundle_adjustment.py, lstm.py, hand_tracking.py
nist.py, modes.py   fits of certified data; forward against reverse mode
startup.py          fresh processes
building.py         staged programs: from a first call to its result
peers.py            other packages on the same functions
figures.py          the limits of the design; adapted.py: of code that runs unchanged
check.py            losses against committed.json, counted.py: of derivatives with a form of their own
"""

"""Chunks of work in several processes, or by any engine that has a ``map``; and their progress.

``workers`` is an int, so many processes of this machine (-1: one for each core), or a callable like Python's ``map``:
``executor.map`` of `concurrent.futures` and of MPI pools, ``client.map`` of Dask (whose futures are waited for).
``progress`` is True for a bar of `tqdm`, or a callable that is told how many chunks are done and how many there are.

The chunks are the same with and without workers, and so are the bits of the result.  An exception in a worker is raised
here; a process that dies raises `concurrent.futures.process.BrokenProcessPool`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any


def check_workers(workers: Any, progress: Any, transform: str) -> None:
    a_count = isinstance(workers, int) and not isinstance(workers, bool)
    if workers is not None and not callable(workers) and not (a_count and (workers > 0 or workers == -1)):
        raise ValueError(
            f"{transform}: workers is a positive int (processes), -1 (one for each core), or a map-like callable such "
            f"as the map of an executor, not {workers!r}."
        )
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise ValueError(
            f"{transform}: progress is True (tqdm), or a function of how many chunks are done and how many there are, "
            f"not {progress!r}."
        )


def mapped(function: Callable[[Any], Any], items: Sequence[Any], workers: Any, progress: Any) -> list[Any]:
    """``[function(item) for item in items]``, by the workers, in order."""
    if workers is None or (workers == 1 and not callable(workers)) or not len(items):
        return list(_counted((function(item) for item in items), len(items), progress))
    if callable(workers):
        return list(_counted(map(_waited, workers(function, items)), len(items), progress))
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    count = min(len(items), side_by_side(workers))
    # A fresh process: a fork of one with threads, as those of BLAS, may wait for ever.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(function, item) for item in items]
        return list(_counted((future.result() for future in futures), len(items), progress))


def side_by_side(workers: Any) -> int:
    """How many chunks are done at a time, as far as one can know."""
    return (os.cpu_count() or 1) if callable(workers) or workers == -1 else int(workers)


def _waited(result: Any) -> Any:
    """What a future holds; anything else is what it is."""
    wait = getattr(result, "result", None)
    return wait() if callable(wait) and hasattr(result, "done") else result


def _counted(results: Iterator[Any], total: int, progress: Any) -> Iterator[Any]:
    if progress is None or progress is False:
        yield from results
    elif progress is True:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError(
                "progress=True shows a bar of tqdm, which is not installed: pip install tqdm; "
                "or pass a function of (done, total)."
            ) from None
        yield from tqdm(results, total=total)
    else:
        for done, result in enumerate(results, 1):
            progress(done, total)
            yield result

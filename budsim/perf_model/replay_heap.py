"""A binary heap of sequence numbers ordered by a key array, compiled for the replay.

``n`` is the number of entries, an array of one element because numba passes numbers by value.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def push(heap: IntArray, key: IntArray, n: IntArray, item: int) -> None:
    """Add ``item``."""
    i = n[0]
    n[0] += 1
    while i > 0:
        parent = (i - 1) // 2
        if key[heap[parent]] <= key[item]:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = item


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def pop(heap: IntArray, key: IntArray, n: IntArray) -> int:
    """Take out the entry with the smallest key."""
    top = heap[0]
    n[0] -= 1
    last = heap[n[0]]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n[0]:
            break
        if child + 1 < n[0] and key[heap[child + 1]] < key[heap[child]]:
            child += 1
        if key[last] <= key[heap[child]]:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last
    return top


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def remove_latest(heap: IntArray, key: IntArray, n: IntArray) -> tuple[int, int]:
    """Take the most recently admitted sequence out of the heap (it is the one vLLM preempts)."""
    where = 0
    for i in range(1, n[0]):
        if heap[i] > heap[where]:
            where = i
    item = heap[where]
    due = key[item]
    key[item] = -1
    while where > 0:  # bubble to the root, then pop
        parent = (where - 1) // 2
        heap[where] = heap[parent]
        where = parent
    heap[0] = item
    pop(heap, key, n)
    return item, due

"""How kernels are compiled and kept (`compiled`, `kept_code`), and those of the item plane and its followers.

    pairs.py   what items learn of each other, added to a bounded number of neighbours
    keys.py    64-bit keys of items looked up in a hash table

A kernel is a small function over flat arrays that numba compiles: a loop that numpy cannot make cheap. Those of lists
are in ranking/kernels; what holds for all is said there.
"""

"""The loops of lists that numpy cannot make cheap, compiled by numba: small functions over flat arrays, each for all
users of a batch at once.

    interests.py   what histories say: recent items, refused genres, shares of genres, vectors
    sums.py        what recent items say of others: added up, looked up, and taken apart again for a few
    candidates.py  who is a candidate: the best of each generator
    filters.py     which candidates a rule keeps
    relative.py    features that depend on the other candidates, and their weighted sums
    products.py    products of vectors
    order.py       the best, best first
    slates.py      re-ranking
    shares.py      sums divided among the parts that they are made of
    algorithms.py  which generator speaks most for a listed item
    reasons.py     who speaks for an item, and what is said of it
    bits.py        sets of genres

Rows of different lengths lie one behind the other; `offsets` int64[rows + 1] say where each begins and ends. Each
kernel is the only implementation of what it does; what it must do is said by plain loops in tests/ranking/kernels. A
kernel reads nothing but its arguments, and this package imports nothing but what compiles kernels: so the sources say
all that the compiled code depends on (`tables.kernels.kept_code`). Types are fixed: an array of another type is an
error, not another compilation. `python -m ranking.kernels` compiles all of them, and those of the item plane in
tables/kernels; so does the first import.
"""

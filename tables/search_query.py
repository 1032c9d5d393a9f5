"""Search queries as trending searches count them."""

MAX_QUERY_CHARACTERS = 64


def normal_query(query: str | None) -> str:
    """The query in lower case with single spaces, cut to 64 characters; "" = nothing to count.

    >>> normal_query("  The   MATRIX ")
    'the matrix'
    """
    return " ".join((query or "").lower().split())[:MAX_QUERY_CHARACTERS].rstrip()

"""How good the lists are that are made now: prequential evaluation, live hit rate, recall of the vector index."""

"""How good lists are: a log replayed event by event, each list judged by what the user did next."""

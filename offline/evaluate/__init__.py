"""How good lists are: a log replayed event by event, each list evaluated by what the user did next."""

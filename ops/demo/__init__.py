"""`freshet demo`: the whole of Freshet for half a minute, in a namespace of its own.

interrupts   Ctrl-C at any moment becomes one exception, and cleaning up is never interrupted
phases       how long each step took
servers      Kafka and Redis: use what answers, start what is missing, stop only that
namespace    topics and keys of one run, removed at its end
supervisor   the worker and endpoint processes; one that ends unasked is started again
workers      what the workers say about themselves in Redis
traffic      what is published: a data set's last ratings, or a simulated world
publisher    events at a live pace, counted by acknowledgement
freshness    acknowledged event to list in Redis, sampled
lag          what the group has not folded yet
spotlight    one user's events, and who that is
live         the loop that ties publisher, probe, lag and view together
view         what a terminal, a log file and a pipe get to see
summary      the sum that must be zero
run          all of it, in order, and undone in reverse
"""

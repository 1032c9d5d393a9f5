"""`freshet demo`: the whole of Freshet for half a minute, in a namespace of its own.

run              all of it, in order, and undone in reverse
interrupts       Ctrl-C at any moment becomes one exception, and cleaning up is never interrupted
phases           how long each step took
servers          Kafka and Redis: use what answers, start what is missing, stop only that
namespace        topics and keys of one run, removed at its end
run_folder       logs and local state of its processes, kept only when they are worth reading
processes        their command lines and environments
supervisor       keeps them running: one that ends unasked is started again
live             the loop that ties traffic, probe, figures and view together
workers          what the workers say about themselves in Redis
waiting          for what happens in other processes
traffic          what is published: a data set's last ratings, or a simulated world
publisher        events at a live pace, counted by acknowledgement
freshness        acknowledged event to list in Redis, sampled
lag              what the group has not folded yet
spotlight        one user who is active now, and their events
endpoint_client  that user's list, as a frontend reads it
snapshot         the figures of one moment
panels, view     what a terminal, a log file and a pipe get to see of them
summary          the sum that must be zero
"""

"""A deterministic world for the real delivery code: time, Kafka, Redis and the consumer group are simulated.

    world      simulated time, processes that can be killed and frozen, and the network between them and the servers
    event_loop the asyncio loop of one simulated process
    kafka      logs, transactions with epochs and markers, committed offsets
    clients    stand-ins for the three aiokafka classes that the product uses
    redis      lists that only go forward, failover to an older state, wipes
    group      the consumer group: generations, kicked members
    member     one worker process as Faust would run it, including the ways in which it drops records
    steps      the product's steps, with a tally that has no guard against repeats
    learning   examples for the ranker, and what an undisturbed learner makes of them
    history    the log of one schedule and what an undisturbed fold makes of it
    schedule   one seed: a history, a plan of faults, and whether the end is right

Everything random comes from the seed, so a seed is a schedule that can be run again.
"""

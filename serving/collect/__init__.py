"""The way of events over HTTP into the log: checked as the log checks them, accepted once Kafka has them.

Beside the endpoint, not in it: what reads lists changes nothing, and needs no right to write events.
"""

"""The live loop: thin Faust wiring, one file per agent, lives here; business rules never do."""

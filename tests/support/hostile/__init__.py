"""Records that no decent client writes, as bytes on the wire, and a way to put them into a real log."""

"""Versions evaluated and switched: which switch is allowed, how two versions' lists differ. Pure; commands do the
I/O."""

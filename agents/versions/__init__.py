"""Model versions: the registry, the live pointer, and who may join one."""

"""One read, one file: what each route does once its parameters are checked."""

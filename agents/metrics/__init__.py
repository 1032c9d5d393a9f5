"""What a worker exports: definitions, and a page that is read from what the other rooms count."""

"""What may not be listed: one rule, one file; each says which items of each user it keeps."""

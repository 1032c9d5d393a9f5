"""A trained model of what people use next: the file (`sequence_model`), and its rows by item number
(`sequence_columns`)."""

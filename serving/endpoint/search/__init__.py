"""Items by what people type: words, the text index, and the order of what is found."""

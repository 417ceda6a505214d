"""Published orderings and figures, made again with the zoo's own parts, beside what the papers say."""

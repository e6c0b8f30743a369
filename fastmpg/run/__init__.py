"""A run: the loop, what it records, how it is driven, stopped, kept and taken up again."""

"""How games are represented: one file a representation, one NamedTuple of arrays a model."""

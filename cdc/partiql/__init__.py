"""PartiQL: statements from text to syntax tree to plan, run by the functions that the item operations use."""

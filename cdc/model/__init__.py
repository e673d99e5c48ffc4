"""Values of the service: attribute values, keys, records, names and errors. Pure; imports nothing of the package."""

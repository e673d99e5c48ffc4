"""The Lambda API without its HTTP: what each operation checks, does and answers."""

"""The one place that talks SQL: schema, engines, the writer, and one module per aggregate."""

"""DynamoDB expressions: text to syntax tree to evaluation. Pure."""

"""Schemes and patterns as others write them. One module a format; text in, domain types out."""

"""The sections of a report: one per file, each a function from the material to a section."""

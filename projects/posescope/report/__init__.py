"""Pictures, tables and pages that show what was found."""

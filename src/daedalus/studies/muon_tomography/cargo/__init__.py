"""Cargo: hodoscopes around a steel box, in which something dense is hidden."""

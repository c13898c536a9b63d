"""The schema of our own tables; stagegate keeps its own."""

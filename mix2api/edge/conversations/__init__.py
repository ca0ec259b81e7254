"""The API of conversations, plans and tasks, below `/api`: one envelope, camelCase fields, everything by its owner's credential."""

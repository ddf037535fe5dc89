"""Who is it, and may they: credentials, sessions, permissions by role, and the audit log."""

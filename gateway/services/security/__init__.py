"""Who may connect: passwords, security profiles, certificates, security events."""

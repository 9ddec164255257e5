"""Who may charge: tokens, the lists that stations keep of them, contract certificates."""

"""One file a panel; each draws from a Frame and knows nothing of the others."""

"""Software updates of hosts: what repositories offer, what of it hosts lack, and what has to be done after it was installed."""

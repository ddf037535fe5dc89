"""One pool out of many daemons: who leads, who follows, and how calls reach the host that they are for."""

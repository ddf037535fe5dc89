"""One host's hands: the interface that does things to a host, its drivers, and the means to use it on another machine."""

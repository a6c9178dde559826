"""A small office of network namespaces, real daemons and honest responders, for the end-to-end tests and for play."""

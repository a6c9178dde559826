"""Looks for Volt Typhoon in the event logs of the computers behind the router: read-only, without network or root."""

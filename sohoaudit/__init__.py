"""Audits one small office: what the internet can reach, what is out of date, and what to do about it."""

__version__ = "0.1.0"

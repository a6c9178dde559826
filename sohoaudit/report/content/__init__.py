"""What every output format shares: the words of a language, and the audit put in the order people act on."""

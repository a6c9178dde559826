"""Tests of the probes; a package, since other parts have tests of the same names."""

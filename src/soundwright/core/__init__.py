"""Errors, units, devices and plug-ins: what everything else stands on."""

"""Certificates: made, checked, shown and trusted."""

"""Finds the packages; everything else about the distribution stands in setup.cfg, which cannot mix finding with mapping."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["xapid", "xapid.*"]), "xapid_plugins"])

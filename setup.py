"""Build script: everything it needs stands in setup.cfg."""

from setuptools import setup

setup()

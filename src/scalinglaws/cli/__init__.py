"""Command line: ``scalinglaws demo``, ``fit``, ``predict``, ``laws``, and all other verbs."""

from scalinglaws.cli.command_line import main as main

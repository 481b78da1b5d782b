"""Exceptions that end a command in one line."""


class UserError(Exception):
    """Something the user can put right: the message names what, where and the remedy, in one line."""


class Preempted(Exception):
    """The job was asked to stop and kept what it had; it should be started again."""

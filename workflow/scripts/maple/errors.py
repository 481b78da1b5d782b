"""The one exception that is meant for the user's eyes."""


class UserError(Exception):
    """Something the user can put right: the message names what, where and the remedy, in one line."""

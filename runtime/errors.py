"""The one exception that users see."""


class PatchskipError(Exception):
    """One line that says what was asked, what was found and how to mend it. Commands print it and exit with 2."""

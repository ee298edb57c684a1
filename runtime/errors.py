"""The one exception that users see."""


class PatchskipError(Exception):
    """One line that says what was asked, what was found and how to mend it. Commands print it and exit with 2."""


def one_line(error):
    """-> an exception's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__

"""The one exception that users see."""

import operator


class PatchskipError(Exception):
    """One line that says what was asked, what was found and how to mend it. Commands print it and exit with 2."""


def one_line(error):
    """-> an exception's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def whole_number(value, refusal, least=1):
    """-> a value as an int. Raises PatchskipError(refusal.format(value)) when it is none, or less than `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise PatchskipError(refusal.format(value)) from None
    if isinstance(value, bool) or number < least:
        raise PatchskipError(refusal.format(value))
    return number

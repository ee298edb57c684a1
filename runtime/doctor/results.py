"""What a check finds: a status, what was found, and how to mend it ("" when there is nothing to mend)."""

OK, WARN, FAIL = "ok", "warn", "fail"
SKIP = "skip"  # this machine has no use for it


def split(message):
    """An error's line -> what was found, how to mend it."""
    found, _, mend = message.rpartition("; ")
    return (found, mend) if found else (mend, "")

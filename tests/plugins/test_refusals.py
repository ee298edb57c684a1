"""What is wrong is named, and nothing is written."""

import pytest
from opcases.implementations import IMPLEMENTATIONS, KNOWN_DIFFERENCES
from opcases.native import Refused
from opcases.refusals import GPU_REFUSALS, REFUSALS

# The adapters are the same for every instruction set: one of each family is enough.
FAMILIES = {implementation.name.split("-")[0]: implementation for implementation in reversed(IMPLEMENTATIONS)}
# ONNX Runtime itself finds some of these, in its own words.
ITS_OWN_WORDS = ("INVALID_GRAPH", "FAIL : Fatal error", "computed output shape", "is not a registered")

CALLS = [
    pytest.param(family, *call, id="{}-{}".format(name, family))
    for families, cases in ((("native", "onnxruntime", "cuda"), REFUSALS), (("cuda",), GPU_REFUSALS))
    for name, *call in cases
    for family in families
    if (FAMILIES[family].name, name) not in KNOWN_DIFFERENCES
]


@pytest.mark.parametrize("family, problem, words", CALLS)
def test_is_refused_by_name(family, problem, words):
    with pytest.raises(Refused) as caught:
        FAMILIES[family].run(problem)
    message = str(caught.value)
    if family == "onnxruntime" and any(words in message for words in ITS_OWN_WORDS):
        return
    missing = [word for word in words if word not in message]
    assert not missing, "{!r} does not name {}".format(message, missing)
    assert "\n" not in message.strip()

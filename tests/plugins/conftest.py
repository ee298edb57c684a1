"""Makes `opcases`, the operators' cases and what runs them, importable by the tests of this folder."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

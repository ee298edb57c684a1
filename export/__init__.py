"""Any ONNX network -> PatchSkip ONNX: `convert`, and `set_input_size` for the dense one."""

from .convert import DEFAULT_THRESHOLD, ExportResult, convert
from .input_size import set_input_size

__all__ = ["DEFAULT_THRESHOLD", "ExportResult", "convert", "set_input_size"]

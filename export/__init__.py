"""Any ONNX network -> PatchSkip ONNX: `convert`, and `set_input_size` for the dense one."""

from .convert import DEFAULT_THRESHOLDS, ExportResult, convert
from .input_size import set_input_size

__all__ = ["DEFAULT_THRESHOLDS", "ExportResult", "convert", "set_input_size"]

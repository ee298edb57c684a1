"""Any ONNX network -> PatchSkip ONNX: `convert`, and `set_input_size` for the dense one."""

from .analysis import Analysis, analyse
from .convert import DEFAULT_THRESHOLDS, ExportResult, convert
from .gate_file import Gate
from .input_size import set_input_size

__all__ = ["DEFAULT_THRESHOLDS", "Analysis", "ExportResult", "Gate", "analyse", "convert", "set_input_size"]

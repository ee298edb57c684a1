"""What an engine was measured on, and whether its GPU let it be measured: a Jetson's power and clocks, throttling."""

from patchskip.runtime import jetson
from patchskip.runtime.model import is_engine
from patchskip.runtime.system import System

SMI = "driver_version,temperature.gpu,clocks.sm,clocks.max.sm,clocks_throttle_reasons.active"
SLOWED = {  # bits of clocks_throttle_reasons.active, in NVML's header
    0x04: "its power limit",
    0x08: "the hardware",
    0x20: "its temperature",
    0x40: "its temperature",
    0x80: "the power supply",
}


def of(model, system=None):
    """-> Gpu of an engine, None for a model of ONNX Runtime."""
    return Gpu(model, system or System()) if is_engine(model.path) else None


class Gpu:
    def __init__(self, model, system):
        self._network, self._system = model.network, system
        self._board = jetson.board(system)

    def describe(self):
        """-> what the environment of a result holds beside the CPU's."""
        gpu, tensorrt = self._network.gpu, self._network.tensorrt
        found = {
            "gpu": f"{gpu.name} (sm_{gpu.sm}, {gpu.multiprocessors} multiprocessors)",
            "gpu_memory_mib": gpu.total_bytes >> 20,
            "cuda_driver": gpu.driver_version,
            "tensorrt": f"{tensorrt.flavour} {tensorrt.version}",
            "plugin": tensorrt.plugin,
            "engine": self._network.sidecar["engine"],
            "precision": self._network.sidecar["precision"],
            "cuda_graph": self._network.cuda_graph,
        }
        return {**found, **(self._jetson() if self._board else self._smi())}

    def reasons(self):
        """Why times are not to be trusted; to be asked right after they were taken."""
        return self._jetson_reasons() if self._board else self._smi_reasons()

    def _jetson(self):
        mode, board = jetson.power_mode(self._system), self._board
        return {
            "board": board.name,
            "l4t": "R{}.{}".format(*board.l4t) if board.l4t else None,
            "power_mode": mode[0] if mode else None,
            "clocks_mhz": jetson.clocks(self._system),
            "jetson_clocks": jetson.clocks_are_fixed(self._system),
            "temperature": jetson.temperature(self._system),
        }

    def _jetson_reasons(self):
        found, degrees = [], jetson.temperature(self._system)
        fixed = jetson.clocks_are_fixed(self._system)
        if not fixed:
            what = "are not fixed" if fixed is False else "cannot be read"
            found.append(f"the board's clocks {what}; run `sudo jetson_clocks` first")
        if jetson.power_mode(self._system) is None:
            found.append("nvpmodel does not tell the power mode")
        if degrees and degrees >= jetson.HOT:
            found.append(f"the board is at {degrees:.0f} degrees Celsius and may have slowed down; let it cool")
        return found

    def _smi(self):
        answer = self._ask_smi()
        if not answer:
            return {}
        driver, degrees, clock, most, _ = answer
        return {"driver": driver, "temperature": degrees, "clocks_mhz": f"{clock} of {most}"}

    def _smi_reasons(self):
        answer = self._ask_smi()
        bits = int(answer[-1], 16) if answer and answer[-1].startswith("0x") else 0
        return [f"the GPU was slowed down by {why}" for why in sorted({SLOWED[bit] for bit in SLOWED if bits & bit})]

    def _ask_smi(self):
        answer = self._system.run("nvidia-smi", f"--query-gpu={SMI}", "--format=csv,noheader,nounits", "--id=0")
        words = [word.strip() for word in answer[1].split(",")] if answer and answer[0] == 0 else []
        return words if len(words) == 5 else None

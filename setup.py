"""The package's metadata, kept here because JetPack's setuptools reads none from pyproject.toml."""

import os
import re
import runpy

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

HERE = os.path.dirname(os.path.abspath(__file__))

EXTRAS = {
    "cpu": ["onnxruntime", "opencv-python-headless"],
    "export": ["onnx"],
    "report": ["opencv-python-headless"],
    "dev": ["pytest", "ruff", "mypy", "clang-format", "build"],
}
EXTRAS["all"] = sorted({requirement for extra in EXTRAS.values() for requirement in extra})
# Apart from all, for their size:
EXTRAS["cuda"] = ["nvidia-cuda-nvrtc-cu12; sys_platform == 'linux'"]  # 86 MB: compiles CUDA kernels without CUDA
EXTRAS["rtx"] = ["tensorrt_rtx; platform_machine == 'x86_64'"]  # 95 MB: of use with a recent GPU
EXTRAS["track"] = ["scipy", "motmetrics"]  # 47 MB, pandas among it; scipy alone for `run --task track`
EXTRAS["train"] = [
    "onnx",
    "opencv-python-headless",
    "torch",
]  # outside of CPU-only indexes torch brings gigabytes of CUDA


class BuildNative(build_ext):
    """Builds plugins/libpatchskip.so: a library that ONNX Runtime opens, not a Python module."""

    def get_ext_filename(self, fullname):
        return os.path.join(*fullname.split(".")) + ".so"

    def build_extension(self, ext):
        target = os.path.abspath(self.get_ext_fullpath(ext.name))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        runpy.run_path(os.path.join(HERE, "plugins", "build.py"))["build"](target)


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


setup(
    name="patchskip",
    version=re.search(r'__version__ = "(.+)"', read("src/patchskip/__init__.py")).group(1),
    description="Video perception that recomputes only the patches of a frame that changed",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    python_requires=">=3.6",
    package_dir={"": "src"},
    packages=find_packages("src"),
    package_data={"patchskip.plugins": ["common/*.h", "cuda/device/*"]},  # compiled for the GPU that is there
    ext_modules=[Extension("patchskip.plugins.libpatchskip", sources=[])],
    cmdclass={"build_ext": BuildNative},
    install_requires=["numpy!=1.19.5"],  # which ends Python on a Jetson with `Illegal instruction`
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["patchskip = patchskip.runtime.cli:main"]},
    zip_safe=False,
)

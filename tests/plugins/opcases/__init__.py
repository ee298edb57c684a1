"""The cases that every implementation of the operators must pass, and the implementations.

specs       what a case is: data
convolution, local, masks, gates    the lists of cases, by operator
problems    a case's arrays, its expected outputs and how far from them a result may lie
bounds      that tolerance, derived from the arithmetic
casefile    problems as a file for the conformance runner, and its answers
native, runner, session    the implementations: the C interface, the runner under an emulator, ONNX Runtime
"""

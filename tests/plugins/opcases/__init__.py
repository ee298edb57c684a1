"""The cases that every implementation of the operators must pass, and the implementations.

specs                                what a case is: data
convolution, local, fused, gates, grids, cases
                                     the lists of cases by operator and by size, and their sum
randomised, refusals                 cases drawn at random; calls that must be refused
problems, bounds                     a case's arrays, what is expected of it, and how far off a result may be
implementations                      what is tested, in one table:
native, session, runner              the C interface, ONNX Runtime, the conformance runner (also under an emulator)
casefile                             problems as a file for that runner, and its answers
"""

"""What is kept between frames, on the GPU."""

import numpy as np

NAN = 0x7FFF7FFF  # as float32, and as two float16


class Kept:
    """One of stream.Stream's `states`: a driver.Buffer, which a stream of the driver's writes to and reads."""

    def __init__(self, stream, buffer, shape, dtype):
        self.buffer, self.shape, self.dtype = buffer, tuple(shape), np.dtype(dtype)
        self._stream = stream

    def forget(self, rows, columns):
        """In one call of the driver, and so with the pixels between them, as far as they lie in these rows."""
        height, width, channels = self.shape[-3:]
        down, across = range(height)[rows], range(width)[columns.start : columns.stop]
        if down and across:
            place = (down.start * width + across.start) * channels
            self._stream.fill_rows(
                self.buffer.address + place * self.dtype.itemsize,
                down.step * width * channels * self.dtype.itemsize,
                NAN,
                self.dtype.itemsize,
                len(across) * channels,
                len(down),
            )

    def known(self):
        array = np.empty(self.shape, self.dtype)
        self._stream.download(array, self.buffer.address)
        self._stream.synchronize("reading what is kept")
        return bool(np.isfinite(array).all())

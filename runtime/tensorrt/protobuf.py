"""Protobuf's wire format, as much as it takes to read, change and write a message whatever else is in it.

A message is its fields in the file's order. A subclass names those that it knows:

    class Node(Message):
        inputs = Field(1, TEXT, many=True)
        name = Field(3, TEXT)

Reading one looks it up among the fields, setting it writes it there; all others stay as they are.
"""

import struct

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types


class Message(object):
    """fields: [(number, wire type, value)]; a value is an int (VARINT), memory, or a Message that was read from it.

    Raises ValueError when `data` is not a whole message.
    """

    def __init__(self, data=b"", **named):
        self.fields = list(_fields(memoryview(data)))
        for name, value in named.items():
            if not hasattr(type(self), name):
                raise TypeError("{} has no field {}".format(type(self).__name__, name))
            setattr(self, name, value)

    def encode(self):
        parts = []
        for number, wire, value in self.fields:
            parts.append(_varint(number << 3 | wire))
            if wire == VARINT:
                parts.append(_varint(value))
                continue
            data = value.encode() if isinstance(value, Message) else value
            if wire == BYTES:
                parts.append(_varint(len(data)))
            parts.append(data)
        return b"".join(parts)


class Field(object):
    """A field that a class of messages knows. kind: INTEGER, FLOAT, TEXT, MEMORY or a class of messages."""

    def __init__(self, number, kind, many=False):
        self.number, self.kind, self.many = number, kind, many

    def __get__(self, message, owner=None):
        if message is None:
            return self
        if isinstance(self.kind, type):
            values = self._messages(message)
        else:
            fields = [field for field in message.fields if field[0] == self.number and field[1] in self.kind.wires]
            values = [value for field in fields for value in self.kind.read(*field[1:])]
        if self.many:
            return values
        return values[-1] if values else getattr(self.kind, "default", None)

    def __set__(self, message, values):
        values = values if self.many else [values]
        if isinstance(self.kind, type):
            made = [(self.number, BYTES, value) for value in values]
        else:
            made = [(self.number, self.kind.wires[0], self.kind.write(value)) for value in values]
        at = next((i for i, field in enumerate(message.fields) if field[0] == self.number), len(message.fields))
        message.fields = [field for field in message.fields if field[0] != self.number]
        message.fields[at:at] = made

    def _messages(self, message):
        """Decoded where they stand, so that changing them changes the message they are in."""
        found = []
        for i, (number, wire, value) in enumerate(message.fields):
            if number == self.number and wire == BYTES:
                if not isinstance(value, Message):
                    value = self.kind(value)
                    message.fields[i] = (number, wire, value)
                found.append(value)
        return found


class _Integer(object):
    wires, default = (VARINT, BYTES), 0  # a list may be packed into memory

    @staticmethod
    def read(wire, value):
        numbers = _varints(value) if wire == BYTES else [value]
        return [number - (1 << 64) if number >> 63 else number for number in numbers]

    @staticmethod
    def write(value):
        return int(value) & (1 << 64) - 1


class _Float(object):
    wires, default = (FIXED32, BYTES), 0.0

    @staticmethod
    def read(wire, value):
        return list(struct.unpack("<{}f".format(len(value) // 4), value))

    @staticmethod
    def write(value):
        return struct.pack("<f", value)


class _Text(object):
    wires, default = (BYTES,), ""

    @staticmethod
    def read(wire, value):
        return [bytes(value).decode("utf-8", "surrogateescape")]

    @staticmethod
    def write(value):
        return value.encode("utf-8", "surrogateescape")


class _Memory(object):
    wires, default = (BYTES,), None

    @staticmethod
    def read(wire, value):
        return [value]

    @staticmethod
    def write(value):
        return value


INTEGER, FLOAT, TEXT, MEMORY = _Integer(), _Float(), _Text(), _Memory()


def _fields(data):
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _read_varint(data, at)
        else:
            if wire == BYTES:
                size, at = _read_varint(data, at)
            elif wire in (FIXED32, FIXED64):
                size = 4 if wire == FIXED32 else 8
            else:
                raise ValueError("wire type {} at byte {}".format(wire, at))
            if at + size > len(data):
                raise ValueError("it ends in the middle of field {}".format(number))
            value, at = data[at : at + size], at + size
        yield number, wire, value


def _read_varint(data, at):
    value = shift = 0
    while True:
        if at == len(data) or shift > 63:
            raise ValueError("it ends in the middle of a number")
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _varints(data):
    at, values = 0, []
    while at < len(data):
        value, at = _read_varint(data, at)
        values.append(value)
    return values


def _varint(value):
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)

"""What each CUDA kernel takes of a multiprocessor, read from the compiled cubin. Needs no GPU and no CUDA tool."""

import collections
import struct

from patchskip.runtime.errors import PatchskipError

# Attributes of a cubin's .nv.info sections.
MAX_THREADS, FRAME_SIZE, MIN_STACK_SIZE, REGISTERS = 0x05, 0x11, 0x12, 0x2F
SIZED = 4  # the attribute's format: a length and that many bytes; the others have two bytes

RESERVED = ".nv.shared.reserved."  # of the system; from sm_90 on .nv.shared.NAME counts it too
RESERVED_BYTES = 1024

# A multiprocessor: the CUDA programming guide's table of compute capabilities, the granularities from the toolkit's
# cuda_occupancy.h. Shared memory in bytes: of the multiprocessor, of a block that asks for more than 48 KiB, the unit.
Multiprocessor = collections.namedtuple(
    "Multiprocessor", "threads blocks registers registers_of_block shared shared_of_block shared_unit shared_reserved"
)
KIB = 1024
MULTIPROCESSORS = {
    53: Multiprocessor(2048, 32, 65536, 32768, 64 * KIB, 48 * KIB, 256, 0),  # Jetson Nano, TX1
    62: Multiprocessor(2048, 32, 65536, 32768, 64 * KIB, 48 * KIB, 256, 0),  # TX2
    72: Multiprocessor(2048, 32, 65536, 65536, 96 * KIB, 96 * KIB, 256, 0),  # Xavier
    75: Multiprocessor(1024, 16, 65536, 65536, 64 * KIB, 64 * KIB, 256, 0),
    87: Multiprocessor(1536, 16, 65536, 65536, 164 * KIB, 163 * KIB, 128, 1024),  # Orin
    90: Multiprocessor(2048, 32, 65536, 65536, 228 * KIB, 227 * KIB, 128, 1024),  # H100, H200
}
WARP = 32
WARP_REGISTERS = 256  # unit of allocation
PARTITIONS = 4  # of a multiprocessor: each has a quarter of the registers

# blocks: that a multiprocessor holds at once. share: of its threads. limits: what more blocks would lack.
Occupancy = collections.namedtuple("Occupancy", "blocks share limits")


def resources(cubin):
    """-> {kernel: {`registers`, `shared_bytes` (static), `local_bytes` (stack and spills), `max_threads`}}.

    cubin: bytes. Raises PatchskipError when it is none.
    """
    try:
        return _resources(cubin)
    except (struct.error, IndexError, KeyError, OverflowError, ValueError) as error:
        raise PatchskipError(
            "reading a cubin's resources: this is no cubin ({}); compile it again".format(repr(error))
        ) from None


def occupancy(kernel, threads, dynamic_shared, sm):
    """-> Occupancy of blocks of `threads` with `dynamic_shared` bytes. kernel: an entry of `resources`.

    Blocks is 0 where a launch would fail. Raises PatchskipError for a compute capability that is not in the table.
    """
    if sm not in MULTIPROCESSORS:
        known = ", ".join("sm_{}".format(entry) for entry in sorted(MULTIPROCESSORS))
        raise PatchskipError("occupancy on sm_{}: the table has {}; add it there".format(sm, known))
    m = MULTIPROCESSORS[sm]
    warps = -(-threads // WARP)
    of_warp = _rounded(kernel["registers"] * WARP, WARP_REGISTERS)
    shared = kernel["shared_bytes"] + dynamic_shared
    fits = of_warp * _rounded(warps, PARTITIONS) <= m.registers_of_block and shared <= m.shared_of_block
    allocated = _rounded(shared + m.shared_reserved, m.shared_unit)
    most = {
        "blocks": m.blocks,
        "threads": m.threads // (warps * WARP),
        "registers": m.registers // PARTITIONS // of_warp * PARTITIONS // warps,
    }
    if allocated:
        most["shared memory"] = m.shared // allocated
    blocks = min(most.values()) if fits else 0
    limits = [name for name in sorted(most) if most[name] <= blocks]
    return Occupancy(blocks, float(blocks * warps * WARP) / m.threads, limits)


def _resources(cubin):
    if cubin[:5] != b"\x7fELF\x02":
        raise ValueError("no 64-bit ELF file")
    (start,) = struct.unpack_from("<Q", cubin, 40)
    count, names_at = struct.unpack_from("<HH", cubin, 60)
    headers = [struct.unpack_from("<IIQQQQIIQQ", cubin, start + 64 * i) for i in range(count)]
    names = headers[names_at][4]
    sections = {_text(cubin, names + header[0]): header for header in headers}

    symbols = _symbols(cubin, sections, headers)
    numbers = {}  # {(attribute, function): number}
    for code, value in _attributes(cubin, sections[".nv.info"]):
        if code in (FRAME_SIZE, MIN_STACK_SIZE, REGISTERS):
            symbol, number = struct.unpack("<II", value)
            numbers[code, symbols[symbol]] = number
    reserved = RESERVED_BYTES if any(name.startswith(RESERVED) for name in sections) else 0
    result = {}
    for name in sorted(section[len(".text.") :] for section in sections if section.startswith(".text.")):
        shared = sections.get(".nv.shared." + name)
        own = dict(_attributes(cubin, sections[".nv.info." + name]))
        result[name] = {
            "registers": numbers[REGISTERS, name],
            "shared_bytes": max(0, shared[5] - reserved) if shared else 0,
            "local_bytes": max(numbers.get((code, name), 0) for code in (FRAME_SIZE, MIN_STACK_SIZE)),
            "max_threads": struct.unpack("<III", own[MAX_THREADS])[0] if MAX_THREADS in own else 1024,
        }
    return result


def _symbols(cubin, sections, headers):
    table = sections[".symtab"]
    names = headers[table[6]][4]
    return [
        _text(cubin, names + struct.unpack_from("<I", cubin, at)[0]) for at in range(table[4], table[4] + table[5], 24)
    ]


def _attributes(cubin, section):
    """-> (code, bytes) of each attribute of an .nv.info section."""
    at, end = section[4], section[4] + section[5]
    while at < end:
        kind, code, value = struct.unpack_from("<BBH", cubin, at)
        at += 4
        if kind == SIZED:
            yield code, cubin[at : at + value]
            at += value
        else:
            yield code, struct.pack("<H", value)


def _text(cubin, at):
    return cubin[at : cubin.index(b"\0", at)].decode()


def _rounded(number, unit):
    return -(-number // unit) * unit

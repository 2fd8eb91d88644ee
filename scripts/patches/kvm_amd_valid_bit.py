#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make KVM's module for AMD test whether EXITINTINFO is valid.

usage: kvm_amd_valid_bit.py kvm-amd.ko.xz

KVM of newer kernels (7.3, not yet 6.12) does not emulate an access that a guest's CPU made while an
event was being delivered (svm_check_emulate_instruction()). It tests the type in the
VMCB's EXITINTINFO (AMD64 APM 2, 15.20), bits 10:8, but not at the valid bit, 31. QEMU's TCG
leaves the type of the guest's last exception there, with the valid bit clear. So in a host VM a
guest that takes a page fault and then accesses a register is stopped: "KVM internal error.
Suberror: 3". The test is one instruction, a testb of the second byte; this changes it to the
fourth. The file's signature is removed, as it would no longer match.

A module without such an instruction is not changed.
"""

import lzma
import re
import sys

# testb $imm8, disp32(%reg): opcode, ModRM without SIB, displacement, operand
TESTS_TYPE = re.compile(rb"(\xf6[\x80-\x83\x85-\x87])\x89\x00\x00\x00\x07")
TESTS_VALID = b"\x8b\x00\x00\x00\x80"
# the function itself, and the places where it may be inlined
PLACES_MAX = 4

MARK = b"~Module signature appended~\n"
SIGNATURE_INFO = 12  # struct module_signature, its length in the last four bytes


def without_signature(module):
    """Return the module's ELF file without the signature."""
    if not module.endswith(MARK):
        return module
    end = len(module) - len(MARK)
    length = int.from_bytes(module[end - 4 : end], "big")
    return module[: end - SIGNATURE_INFO - length]


def mended(module):
    """Return the changed module and the number of changes; ValueError if there are too many."""
    code, places = TESTS_TYPE.subn(lambda m: m[1] + TESTS_VALID, without_signature(module))
    if places > PLACES_MAX:
        raise ValueError(f"{places} instructions look like the one that is meant")
    return (code, places) if places else (module, 0)


def main(path):
    """Change the file in place."""
    with lzma.open(path) as file:
        module, places = mended(file.read())
    if places:
        # the kernel's decompressor supports no other check
        with lzma.open(path, "wb", check=lzma.CHECK_CRC32) as file:
            file.write(module)
    print(f"{path}: {places} changed", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    main(sys.argv[1])

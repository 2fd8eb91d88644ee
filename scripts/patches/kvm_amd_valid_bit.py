#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Have KVM's module for AMD ask whether EXITINTINFO is valid.

usage: kvm_amd_valid_bit.py kvm-amd.ko.xz

KVM of newer kernels (7.3, not yet 6.12) does not emulate an access that a guest's CPU made while an
event was being delivered (svm_check_emulate_instruction()). It looks at the type in the
VMCB's EXITINTINFO (AMD64 APM 2, 15.20), bits 10:8, but not at the valid bit, 31. QEMU's TCG
leaves there the type of the guest's last exception, with the valid bit off, so in a host VM a
guest that takes a page fault and then touches a register is given up: "KVM internal error.
Suberror: 3". The test is one instruction, a testb of the second byte; here it becomes one of
the fourth. The file's signature goes, as it would be a wrong one.

A module without such an instruction is left as it is.
"""

import lzma
import re
import sys

# testb $imm8, disp32(%reg): opcode, ModRM without SIB, displacement, operand
TESTS_TYPE = re.compile(rb"(\xf6[\x80-\x83\x85-\x87])\x89\x00\x00\x00\x07")
TESTS_VALID = b"\x8b\x00\x00\x00\x80"
# of these there is the function, and where it is inlined
PLACES_MAX = 4

MARK = b"~Module signature appended~\n"
SIGNATURE_INFO = 12  # struct module_signature, its length in the last four bytes


def without_signature(module):
    """The module's ELF file alone."""
    if not module.endswith(MARK):
        return module
    end = len(module) - len(MARK)
    length = int.from_bytes(module[end - 4 : end], "big")
    return module[: end - SIGNATURE_INFO - length]


def mended(module):
    """The module as it should be, and the number of changes; ValueError if they look wrong."""
    code, places = TESTS_TYPE.subn(lambda m: m[1] + TESTS_VALID, without_signature(module))
    if places > PLACES_MAX:
        raise ValueError(f"{places} instructions look like the one that is meant")
    return (code, places) if places else (module, 0)


def main(path):
    """Change the file."""
    with lzma.open(path) as file:
        module, places = mended(file.read())
    if places:
        # the kernel's own decompressor knows no other check
        with lzma.open(path, "wb", check=lzma.CHECK_CRC32) as file:
            file.write(module)
    print(f"{path}: {places} changed", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    main(sys.argv[1])

# SPDX-License-Identifier: GPL-2.0-only
"""What riod is to reach, as rows of figures.

A row: what it says; the figure of riod and its peer's name in the document; "<=" or ">=" and the goal;
the same figure of the peer that a user would take instead, and of the limit, or None.
"""

OVER = "riod/nvmet"
LIMIT = "local/nvmet"


def crossing(text, op, peer):
    return (text, ("crossings." + op, "riod"), "<=", 1.03, peer and ("crossings." + op, peer),
            ("crossings.pingpong", "tcp"))


def storage(text, cell, what, op, goal, peers=OVER):
    """A quotient beside the limit's, or a share beside the peer's"""
    name = "storage.%s.%s" % (cell, what)
    if peers == OVER:
        return (text, (name, OVER), op, goal, None, (name, LIMIT))
    return (text, (name, "riod"), op, goal, (name, "nvmet"), None)


def share(text, cell, what, goal):
    return storage(text, cell, what, "<=", goal, None)


def cpu(text, cell):
    return (text, ("cpu." + cell, OVER), "<=", 1.0, None, ("cpu." + cell, LIMIT))


ROWS = [
    crossing("crossings, register read", "register-read", None),
    crossing("crossings, 4 KiB read", "read4k", "nvmet"),
    crossing("crossings, 4 KiB write", "write4k", "nvmet"),
    crossing("crossings, 128 KiB read", "read128k", "nvmet"),
    crossing("crossings, 128 KiB write", "write128k", "nvmet"),
    storage("time of a 4 KiB read, depth 1", "randread-4k-1", "p50", "<=", 1.0),
    storage("time of a 4 KiB write, depth 1", "randwrite-4k-1", "p50", "<=", 1.0),
    storage("4 KiB reads/s, depth 32", "randread-4k-32", "iops", ">=", 1.0),
    storage("4 KiB writes/s, depth 32", "randwrite-4k-32", "iops", ">=", 1.0),
    storage("128 KiB sequential reads/s, depth 8", "read-128k-8", "iops", ">=", 1.0),
    storage("128 KiB sequential writes/s, depth 8", "write-128k-8", "iops", ">=", 1.0),
    ("time of a 128 KiB write, 10 ms each way", ("delayed.write128k", OVER), "<=", 0.6, None, None),
    share("wire ÷ payload, 4 KiB read", "randread-4k-1", "wire", 1.06),
    share("wire ÷ payload, 4 KiB write", "randwrite-4k-1", "wire", 1.06),
    share("wire ÷ payload, 128 KiB read", "randread-128k-1", "wire", 1.01),
    share("wire ÷ payload, 128 KiB write", "randwrite-128k-1", "wire", 1.01),
    ("wire ÷ payload, igb sends", ("net.send.wire", "igb"), "<=", 1.15, None, None),
    ("wire ÷ payload, igb receives", ("net.receive.wire", "igb"), "<=", 1.15, None, None),
    share("scanned ÷ payload, 4 KiB read", "randread-4k-1", "scanned", 2),
    share("scanned ÷ payload, 128 KiB read", "randread-128k-1", "scanned", 0.1),
    ("scanned ÷ payload, igb sends", ("net.send.scanned", "igb"), "<=", 2, None, None),
    ("scanned ÷ payload, igb receives", ("net.receive.scanned", "igb"), "<=", 2, None, None),
    share("messages per 4 KiB read, depth 1", "randread-4k-1", "messages", 2),
    share("messages per 4 KiB read, depth 32", "randread-4k-32", "messages", 1),
    ("second round trips of 100 reads", ("second.read", "riod"), "<=", 0, ("second.read", "nvmet"), None),
    ("second round trips of 100 writes", ("second.write", "riod"), "<=", 0, ("second.write", "nvmet"),
     None),
    cpu("CPU time of a 4 KiB read, depth 1", "read-4096-1"),
    cpu("CPU time of a 4 KiB read, depth 32", "read-4096-32"),
    cpu("CPU time of a 4 KiB write, depth 1", "write-4096-1"),
    cpu("CPU time of a 128 KiB write, depth 8", "write-131072-8"),
    ("register read, 1 GiB mapped ÷ nothing mapped", ("mapped.1024", "riod/nothing mapped"), "<=", 1.2,
     None, None),
    ("round trips waited for by a map", ("crossings.map", "riod"), "<=", 0.03, None, None),
    ("round trips waited for by an unmap", ("crossings.unmap", "riod"), "<=", 0.03, None, None),
    ("round trips waited for by a doorbell", ("crossings.register-write", "riod"), "<=", 0.03, None, None),
    ("CPU of both ends, idle attachment, cores", ("idle.attachment", "riod"), "<=", 0.005, None, None),
    ("frames on the wire, idle attachment, 1/s", ("idle.frames", "riod"), "<=", 2.0, None, None),
    ("TCP stream out of the guest, igb ÷ virtio-net", ("net.send", "igb/virtio-net"), ">=", 0.8, None, None),
    ("TCP stream into the guest, igb ÷ virtio-net", ("net.receive", "igb/virtio-net"), ">=", 0.8, None,
     None),
]


def find(document, name):
    if not name:
        return None
    for figure in document["figures"]:
        if (figure["id"], figure["peer"]) == name:
            return figure
    return None


def met(figure, op, goal):
    """True or False by the figure's value; None if the interval has the goal inside"""
    if figure["low"] < goal < figure["high"]:
        return None
    return figure["value"] <= goal if op == "<=" else figure["value"] >= goal

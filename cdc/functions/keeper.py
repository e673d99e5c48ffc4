"""The keeper process: starts, watches and kills the daemon's children, so that none outlives the daemon.

Run by path with `-I -S`; it imports little, so it starts fast and stays small. Its arguments are the number of its
control socket and of the descriptors it holds open for the daemon, for as long as it lives.

A request on the control socket is a length (4 bytes, network order), then NUL-separated fields: working directory,
number of arguments, arguments, `NAME=value` of the environment. With it come four descriptors: standard input, output
and error of the child, and its *leash*, a socket. On the leash the keeper writes one line `pid N` or `error TEXT`, and
once the child and its whole process group are gone `exit N` (negative: the signal). When the other end of the leash is
closed or shut down for writing, the child's group gets SIGKILL. When the control socket is at its end, the daemon is
dead: every group gets SIGKILL, on Linux also what left its group, and the keeper ends after they did.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import socket
import sys
import time

GROUP_GONE_SECONDS = 5.0
"""How long to wait for the rest of a group after its leader: a killed process lingers only in the kernel's hands."""
SETTLE_POLL_MS = 2
PR_SET_CHILD_SUBREAPER = 36
_RESTORED = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ]


def group_exists(pid: int) -> bool:
    """Tell whether any process, even one not yet reaped, is in the group."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists, and one of it changed its user
        return True
    return True


def kill_group(pid: int) -> None:
    """Send SIGKILL to the whole group; none of it left is fine."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS: a group of zombies refuses
        return


def tell(leash: socket.socket, text: str) -> None:
    """Write one line to the daemon, which may be gone."""
    try:
        leash.send(text.encode(errors="surrogateescape") + b"\n", socket.MSG_DONTWAIT)
    except OSError:
        return


def use_all_processors() -> None:
    """Run wherever any thread of the daemon may: the one that started this may be kept on one processor."""
    if not hasattr(os, "sched_setaffinity"):
        return
    try:
        tasks = os.listdir(f"/proc/{os.getppid()}/task")  # noqa: PTH208 - as pathlib starts slowly
        os.sched_setaffinity(0, set().union(*(os.sched_getaffinity(int(task)) for task in tasks)))
    except OSError:  # the daemon is gone, or a thread of it
        return


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, where the system can: init may reap late, or in a container never."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def own_children() -> list[int]:
    """Return the pids of this process's children, adopted ones too, where the system tells."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123 - no pathlib
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def start_process(argv: list[bytes], environment: dict[bytes, bytes], streams: list[int]) -> int:
    """Start `argv` as the leader of a session of its own, with its three standard streams; return its pid."""
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(streams)]
    candidates = [argv[0]]
    if b"/" not in argv[0]:
        path = environment.get(b"PATH") or os.fsencode(os.defpath)
        paths = (os.path.join(folder, argv[0]) for folder in path.split(b":"))  # noqa: PTH118 - bytes, no pathlib
        candidates = [path for path in paths if os.access(path, os.X_OK)]  # each try of the others costs a fork
    refusal: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for candidate in candidates:
        try:
            return os.posix_spawn(candidate, argv, environment, file_actions=actions, setsid=True, setsigdef=_RESTORED)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            refusal = error
    raise refusal


class Keeper:
    """The children by pid, and the loop that serves them."""

    def __init__(self, control: socket.socket, wakeup: int) -> None:
        self.control = control
        self.wakeup = wakeup
        self.children: dict[int, socket.socket] = {}
        self.leashes: dict[int, int] = {}
        self.settling: dict[int, tuple[socket.socket, int, float]] = {}
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.poll.register(wakeup, select.POLLIN)

    def run(self) -> None:
        """Serve until the daemon is gone, then leave nothing behind."""
        while True:
            for fd, _ in self.poll.poll(SETTLE_POLL_MS if self.settling else None):
                if fd == self.wakeup:
                    os.read(fd, 4096)
                elif fd != self.control.fileno():
                    self.poll.unregister(fd)
                    kill_group(self.leashes.pop(fd))
                elif not self.receive():
                    self.end()
                    return
            self.reap()
            self.settle()

    def receive(self) -> bool:
        """Take one request and start its process; return False at the end of the control socket."""
        try:
            head, fds, _, _ = socket.recv_fds(self.control, 4, 4)
            for fd in fds:
                os.set_inheritable(fd, False)
            if head:
                head += self.receive_exactly(4 - len(head))
                body = self.receive_exactly(int.from_bytes(head, "big"))
        except (OSError, EOFError):
            return False
        if not head:
            return False
        leash = socket.socket(fileno=fds.pop())
        self.start(body.split(b"\0"), fds, leash)
        for fd in fds:
            os.close(fd)
        return True

    def receive_exactly(self, count: int) -> bytes:
        """Read `count` bytes of the control socket; `EOFError` if it ends before."""
        data = bytearray()
        while len(data) < count:
            part = self.control.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def start(self, fields: list[bytes], streams: list[int], leash: socket.socket) -> None:
        """Start one child in its working directory, and say its pid or why not."""
        count = int(fields[1])
        argv, pairs = fields[2 : 2 + count], fields[2 + count :]
        environment = {name: value for name, _, value in (pair.partition(b"=") for pair in pairs)}
        what = fields[0]
        try:
            os.chdir(what)
            what = argv[0]
            pid = start_process(argv, environment, streams)
        except OSError as error:
            tell(leash, f"error fork/exec {os.fsdecode(what)}: {(error.strerror or str(error)).lower()}")
            leash.close()
            return
        finally:
            os.chdir("/")  # so as not to pin the folder's file system
        self.children[pid] = leash
        self.leashes[leash.fileno()] = pid
        self.poll.register(leash, select.POLLIN)
        tell(leash, f"pid {pid}")

    def reap(self) -> None:
        """Collect the children that ended, adopted ones too, and kill what is left of their groups."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            leash = self.children.pop(pid, None)
            if leash is not None:
                kill_group(pid)
                if self.leashes.pop(leash.fileno(), None) is not None:
                    self.poll.unregister(leash)
                give_up = time.monotonic() + GROUP_GONE_SECONDS
                self.settling[pid] = (leash, os.waitstatus_to_exitcode(status), give_up)

    def settle(self) -> None:
        """Report each ended child whose whole group is gone."""
        for pid, (leash, code, give_up) in list(self.settling.items()):
            if not group_exists(pid) or time.monotonic() > give_up:
                tell(leash, f"exit {code}")
                leash.close()
                del self.settling[pid]

    def end(self) -> None:
        """Kill every group, and whatever left its group and is adopted as its parents die; wait until all are gone."""
        for pid in self.children:
            kill_group(pid)
        while self.children or self.settling or own_children():
            for pid in own_children():
                kill_group(pid)
                os.kill(pid, signal.SIGKILL)  # not yet reaped, so the number is still its own
            self.reap()
            self.settle()
            time.sleep(SETTLE_POLL_MS / 1000)


def main() -> None:
    """Run with the descriptors that the arguments name."""
    fds = [int(number) for number in sys.argv[1:]]
    for fd in fds:
        os.set_inheritable(fd, False)  # a child must hold neither the control socket nor the daemon's lock
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the daemon drains first; the keeper ends after it
    use_all_processors()
    adopt_orphans()
    wakeup, write_end = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    Keeper(socket.socket(fileno=fds[0]), wakeup).run()


if __name__ == "__main__":
    main()

"""What a power cut would leave of a SQLite file: only what was synced.

Registers a SQLite VFS over the default one. Each time SQLite syncs a file, the bytes that the disk then holds go into
the next numbered folder, together with the last synced bytes of the other files; a file is gone once its deletion was
synced. Use it in a process of its own.
"""

import ctypes
import ctypes.util
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

_METHOD_COUNT = 19  # sqlite3_io_methods version 3: iVersion (padded) and 18 functions
_SYNC_PLACE = 5
_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)
)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_Methods = ctypes.c_void_p * _METHOD_COUNT


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("path_limit", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("others", ctypes.c_void_p * 14),
    ]


class SyncedImages:
    """Keeps numbered images in ``folder``; ``on_sync`` is told each number once its image is complete."""

    def __init__(self, folder: Path, on_sync: Callable[[int], None]) -> None:
        self._folder, self._on_sync = folder, on_sync
        self._count = 0
        self._paths: dict[int, Path] = {}
        self._new_files: set[int] = set()
        self._deleted: set[str] = set()
        self._methods_of: dict[int, ctypes.Array[ctypes.c_void_p]] = {}
        self._keep: list[object] = []
        self._latest = folder / "latest"
        self._latest.mkdir(parents=True)

    def install(self) -> None:
        """Make every SQLite file that this process opens from now on a watched one."""
        library = _library()
        library.sqlite3_vfs_find.restype = ctypes.c_void_p
        default = library.sqlite3_vfs_find(None)
        self._default_address = default
        self._default = _Vfs.from_address(default)
        vfs = _Vfs.from_buffer_copy(self._default)
        vfs.name = b"synced-images"
        vfs.open = _OPEN(self._open)
        vfs.delete = _DELETE(self._delete)
        self._keep += [library, vfs]
        library.sqlite3_vfs_register.argtypes = [ctypes.c_void_p, ctypes.c_int]
        assert library.sqlite3_vfs_register(ctypes.addressof(vfs), 1) == 0

    def _open(self, _vfs, name, file, flags, out_flags) -> int:
        path = Path(name.decode()) if name else None
        existed = path is not None and path.exists()
        result = self._default.open(self._default_address, name, file, flags, out_flags)
        pointer = ctypes.c_void_p.from_address(file)
        if result == 0 and path is not None and pointer.value:
            self._paths[file] = path
            if not existed:
                self._new_files.add(file)
            pointer.value = ctypes.addressof(self._watched(pointer.value))
        return result

    def _delete(self, _vfs, name, sync_folder: int) -> int:
        result = self._default.delete(self._default_address, name, sync_folder)
        if result == 0:
            self._deleted.add(Path(name.decode()).name)
            if sync_folder:
                self._sync_folder()
        return result

    def _sync_folder(self) -> None:
        for name in self._deleted:
            (self._latest / name).unlink(missing_ok=True)
        self._deleted.clear()

    def _watched(self, original: int) -> ctypes.Array[ctypes.c_void_p]:
        if original not in self._methods_of:
            methods = _Methods.from_buffer_copy(_Methods.from_address(original))
            sync = _SYNC(methods[_SYNC_PLACE])

            def synced(file: int, flags: int) -> int:
                result = sync(file, flags)
                if result == 0:
                    self._take(file)
                return result

            callback = _SYNC(synced)
            methods[_SYNC_PLACE] = ctypes.cast(callback, ctypes.c_void_p).value
            self._keep += [sync, callback]
            self._methods_of[original] = methods
        return self._methods_of[original]

    def _take(self, file: int) -> None:
        path = self._paths[file]
        if file in self._new_files:  # SQLite syncs the folder with the first sync of a file that it created
            self._new_files.discard(file)
            self._sync_folder()
        self._deleted.discard(path.name)
        shutil.copyfile(path, self._latest / path.name)
        shutil.copytree(self._latest, self._folder / str(self._count))
        self._on_sync(self._count)
        self._count += 1


def _library() -> ctypes.CDLL:
    """Return the SQLite that Python's own module uses."""
    sqlite3.connect(":memory:").close()
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "libsqlite3" in line:
            return ctypes.CDLL(line.split()[-1])
    return ctypes.CDLL(None)  # linked into the interpreter itself

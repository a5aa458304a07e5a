"""DuckDB's C library through ctypes, for tests and benchmarks: makes data, and runs the plainest SQL to compare with.

    Engine(path).rows("SELECT 1")       lists of texts (None for NULL)
"""

import ctypes


class _Result(ctypes.Structure):  # duckdb_result of duckdb.h
    _fields_ = [("columns", ctypes.c_uint64), ("rows", ctypes.c_uint64), ("changed", ctypes.c_uint64),
                ("column_data", ctypes.c_void_p), ("error", ctypes.c_void_p), ("internal", ctypes.c_void_p)]


class EngineError(Exception):
    pass


class Engine:
    def __init__(self, library, settings=None):
        self.lib = ctypes.CDLL(library)
        self.lib.duckdb_result_error.restype = ctypes.c_char_p
        self.lib.duckdb_library_version.restype = ctypes.c_char_p
        self.lib.duckdb_value_varchar.restype = ctypes.c_void_p
        self.lib.duckdb_value_varchar.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
        self.lib.duckdb_free.argtypes = [ctypes.c_void_p]
        for name in ("duckdb_row_count", "duckdb_column_count"):
            getattr(self.lib, name).restype = ctypes.c_uint64
        self.database = ctypes.c_void_p()
        self.connection = ctypes.c_void_p()
        if self.lib.duckdb_open(None, ctypes.byref(self.database)) != 0:
            raise EngineError("duckdb_open failed")
        if self.lib.duckdb_connect(self.database, ctypes.byref(self.connection)) != 0:
            raise EngineError("duckdb_connect failed")
        for name, value in {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
                            **(settings or {})}.items():
            self.rows(f"SET {name} = {quoted(str(value))}")

    @property
    def version(self):
        return self.lib.duckdb_library_version().decode()

    def rows(self, sql):
        result = _Result()
        state = self.lib.duckdb_query(self.connection, sql.encode(), ctypes.byref(result))
        try:
            if state != 0:
                raise EngineError((self.lib.duckdb_result_error(ctypes.byref(result)) or b"?").decode(errors="replace"))
            columns = self.lib.duckdb_column_count(ctypes.byref(result))
            return [[self._text(result, column, row) for column in range(columns)]
                    for row in range(self.lib.duckdb_row_count(ctypes.byref(result)))]
        finally:
            self.lib.duckdb_destroy_result(ctypes.byref(result))

    def _text(self, result, column, row):
        pointer = self.lib.duckdb_value_varchar(ctypes.byref(result), column, row)
        if not pointer:
            return None
        try:
            return ctypes.string_at(pointer).decode(errors="replace")
        finally:
            self.lib.duckdb_free(pointer)

    def close(self):
        self.lib.duckdb_disconnect(ctypes.byref(self.connection))
        self.lib.duckdb_close(ctypes.byref(self.database))


def quoted(text):
    return "'" + text.replace("'", "''") + "'"

// The functions of DuckDB's C interface that are used here, as declared in duckdb.h of DuckDB 1.4.4
// (npm duckdb@1.4.4, src/duckdb/src/include/duckdb.h, MIT licence); the interface is stable from
// 1.2 on, and loaded at run time.
#pragma once

#include <cstdint>

namespace jobward::verify::duckdb {

using Index = std::uint64_t;
enum State : int { kSuccess = 0, kError = 1 };

// Opaque handles.
using Config = struct ConfigBody*;
using Database = struct DatabaseBody*;
using Connection = struct ConnectionBody*;
using DataChunk = struct DataChunkBody*;
using Vector = struct VectorBody*;
using Appender = struct AppenderBody*;
using Statements = struct StatementsBody*;
using Prepared = struct PreparedBody*;
using LogicalType = struct LogicalTypeBody*;
using ScalarFunction = struct ScalarFunctionBody*;
using FunctionInfo = struct FunctionInfoBody*;
using ScalarCallback = void (*)(FunctionInfo, DataChunk, Vector);

struct QueryResult {
  Index deprecated_column_count;
  Index deprecated_row_count;
  Index deprecated_rows_changed;
  void* deprecated_columns;
  char* deprecated_error_message;
  void* internal_data;
};

struct Progress {
  double percentage;  // -1: not known
  std::uint64_t rows_processed;
  std::uint64_t total_rows_to_process;
};

// A VARCHAR in a vector: short ones inside, others pointed at.
union Text {
  struct {
    std::uint32_t length;
    char bytes[12];
  } inlined;
  struct {
    std::uint32_t length;
    char prefix[4];
    const char* bytes;
  } pointed;
};
static_assert(sizeof(Text) == 16, "as duckdb_string_t");
inline constexpr std::uint32_t kInlinedLength = 12;

inline constexpr int kErrorOutOfMemory = 33;  // DUCKDB_ERROR_OUT_OF_MEMORY
inline constexpr int kErrorInterrupt = 29;    // DUCKDB_ERROR_INTERRUPT
inline constexpr int kStatementSelect = 1;    // DUCKDB_STATEMENT_TYPE_SELECT

// X(name without "duckdb_", result, parameters)
#define JOBWARD_DUCKDB_FUNCTIONS(X)                                                 \
  X(library_version, const char*, ())                                               \
  X(create_config, State, (Config*))                                                \
  X(set_config, State, (Config, const char*, const char*))                          \
  X(destroy_config, void, (Config*))                                                \
  X(open_ext, State, (const char*, Database*, Config, char**))                      \
  X(close, void, (Database*))                                                       \
  X(connect, State, (Database, Connection*))                                        \
  X(disconnect, void, (Connection*))                                                \
  X(interrupt, void, (Connection))                                                  \
  X(query_progress, Progress, (Connection))                                         \
  X(query, State, (Connection, const char*, QueryResult*))                          \
  X(destroy_result, void, (QueryResult*))                                           \
  X(result_error, const char*, (QueryResult*))                                      \
  X(result_error_type, int, (QueryResult*))                                         \
  X(column_count, Index, (QueryResult*))                                            \
  X(column_name, const char*, (QueryResult*, Index))                                \
  X(column_type, int, (QueryResult*, Index))                                        \
  X(fetch_chunk, DataChunk, (QueryResult))                                          \
  X(destroy_data_chunk, void, (DataChunk*))                                         \
  X(data_chunk_get_size, Index, (DataChunk))                                        \
  X(data_chunk_get_vector, Vector, (DataChunk, Index))                              \
  X(vector_get_data, void*, (Vector))                                               \
  X(vector_get_validity, std::uint64_t*, (Vector))                                  \
  X(extract_statements, Index, (Connection, const char*, Statements*))              \
  X(extract_statements_error, const char*, (Statements))                            \
  X(destroy_extracted, void, (Statements*))                                         \
  X(prepare_extracted_statement, State, (Connection, Statements, Index, Prepared*)) \
  X(prepare_error, const char*, (Prepared))                                         \
  X(prepared_statement_type, int, (Prepared))                                       \
  X(nparams, Index, (Prepared))                                                     \
  X(destroy_prepare, void, (Prepared*))                                             \
  X(free, void, (void*))                                                            \
  X(appender_create, State, (Connection, const char*, const char*, Appender*))      \
  X(appender_error, const char*, (Appender))                                        \
  X(appender_end_row, State, (Appender))                                            \
  X(appender_destroy, State, (Appender*))                                           \
  X(appender_close, State, (Appender))                                              \
  X(append_int64, State, (Appender, std::int64_t))                                  \
  X(append_double, State, (Appender, double))                                       \
  X(append_varchar_length, State, (Appender, const char*, Index))                   \
  X(append_blob, State, (Appender, const void*, Index))                             \
  X(append_null, State, (Appender))                                                 \
  X(create_logical_type, LogicalType, (int))                                        \
  X(destroy_logical_type, void, (LogicalType*))                                     \
  X(create_scalar_function, ScalarFunction, ())                                     \
  X(scalar_function_set_name, void, (ScalarFunction, const char*))                  \
  X(scalar_function_add_parameter, void, (ScalarFunction, LogicalType))             \
  X(scalar_function_set_return_type, void, (ScalarFunction, LogicalType))           \
  X(scalar_function_set_function, void, (ScalarFunction, ScalarCallback))           \
  X(scalar_function_set_error, void, (FunctionInfo, const char*))                   \
  X(vector_ensure_validity_writable, void, (Vector))                                \
  X(register_scalar_function, State, (Connection, ScalarFunction))                  \
  X(destroy_scalar_function, void, (ScalarFunction*))

struct Api {
// A type, a name and a list of parameters: parentheses around them would be other declarations.
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define JOBWARD_DUCKDB_MEMBER(name, result, parameters) result(*name) parameters = nullptr;
  JOBWARD_DUCKDB_FUNCTIONS(JOBWARD_DUCKDB_MEMBER)
#undef JOBWARD_DUCKDB_MEMBER
};

inline constexpr int kTypeBoolean = 1;   // DUCKDB_TYPE_BOOLEAN
inline constexpr int kTypeInteger = 4;   // DUCKDB_TYPE_INTEGER
inline constexpr int kTypeBigint = 5;    // DUCKDB_TYPE_BIGINT
inline constexpr int kTypeDouble = 11;   // DUCKDB_TYPE_DOUBLE
inline constexpr int kTypeVarchar = 17;  // DUCKDB_TYPE_VARCHAR

}  // namespace jobward::verify::duckdb

// What the footers of Parquet files say of their columns.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "verify/engine.h"
#include "verify/file_set.h"

namespace jobward::verify {

struct ParquetColumn {
  std::string name;  // exactly
  std::string type;  // of the engine, or "nested" with what is in it
  bool operator==(const ParquetColumn&) const = default;
};

// The columns of each file, in the order of `files`.
Result<std::vector<std::vector<ParquetColumn>>> parquet_columns(
    Engine& engine, const std::vector<FileFacts>& files);

// One sentence for each column of a later file that is not as in the first.
std::vector<std::string> parquet_differences(const std::vector<std::vector<ParquetColumn>>& columns,
                                             const std::vector<FileFacts>& files);

// The same where a later file has the same columns in another order.
std::vector<std::string> parquet_other_order(const std::vector<std::vector<ParquetColumn>>& columns,
                                             const std::vector<FileFacts>& files);

}  // namespace jobward::verify

// One [checks.ID] table of a contract.
#pragma once

#include "common/result.h"
#include "verify/contract.h"
#include "verify/contract_fields.h"
#include "verify/contract_reader.h"

namespace jobward::verify {

// `contract` has its datasets already. Does not finish() the fields.
Result<Check> read_check(Fields& fields, const Contract& contract, const ReadBeside& read);

}  // namespace jobward::verify

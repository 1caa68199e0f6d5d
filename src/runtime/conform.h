// The ONNX backend tests as a judge: runs a folder of cases and applies the official pass rule
// (onnx/backend/ test/runner): as many outputs, same type and shape, strings equal, numbers within
// atol + rtol * |expected|, NaN equal to NaN. A case folder holds model.onnx and
// test_data_set_N/{input,output}_M.pb, and may hold data.json with its own tolerances. Sequences
// are compared element by element. Sessions take and give tensors only: a case whose inputs or
// outputs are others is run by the reference device, after the passes, whichever device is judged.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "env/files.h"
#include "graph/graph.h"
#include "runtime/model.h"
#include "tensor/datum.h"

namespace hf::runtime {

struct Tolerance {
    double relative = 1e-3;
    double absolute = 1e-7;
};

// OK, or what differs: "output 0 element 17: 0.25, want 0.5".
Status same_tensor(const Tensor& got, const Tensor& want, const Tolerance& tolerance);

Status same_datum(const Datum& got, const Datum& want, const Tolerance& tolerance);

struct ConformCase {
    enum class Verdict : unsigned char { kPassed, kFailed, kSkipped };
    std::string name;  // "node/test_abs"
    Verdict verdict = Verdict::kFailed;
    std::string reason;  // empty when passed
};

struct ConformReport {
    std::vector<ConformCase> cases;  // by name
    std::size_t count(ConformCase::Verdict verdict) const;
};

// How a graph becomes something to run; any device can be judged.
using Compiler = std::function<Result<std::shared_ptr<const CompiledModel>>(graph::Graph)>;

// Runs every case below `folder`, at most three levels down, whose name contains `filter`. Cases
// without their model or data are skipped.
Result<ConformReport> run_conformance(env::Files& files, const std::string& folder,
                                      const std::string& filter, const Compiler& compiler);

}  // namespace hf::runtime

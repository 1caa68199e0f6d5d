#include "serve/conform/cases.h"

namespace hf::serve::conform {
namespace {

struct Group {
    const char* name;
    std::vector<Case> (*cases)();
};

constexpr Group kGroups[] = {
    // One a line, in the order in which they are run.
    // clang-format off
    {"health", health_cases},
    {"server", server_cases},
    {"model", model_cases},
    {"infer", infer_cases},
    {"outputs", output_cases},
    {"json", json_cases},
    {"bad_body", body_refusal_cases},
    {"bad_input", input_refusal_cases},
    {"bad_data", data_refusal_cases},
    {"datatypes", datatype_cases},
    {"binary", binary_cases},
    {"bad_binary", binary_refusal_cases},
    {"paths", path_cases},
    {"content", content_cases},
    {"http", http_cases},
    {"connection", connection_cases},
    {"framing", framing_cases},
    {"statistics", statistics_cases},
    {"repository", repository_cases},
    {"shared_memory", shared_memory_cases},
    {"trace", trace_cases},
    {"sequence", sequence_cases},
    // clang-format on
};

}  // namespace

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    for (const Group& group : kGroups) {
        for (Case& one : group.cases()) {
            one.group = group.name;
            cases.push_back(std::move(one));
        }
    }
    return cases;
}

}  // namespace hf::serve::conform

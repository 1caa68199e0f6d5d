// All cases, by group. A group is a file, <group>_cases.cpp, with one function; what exists is
// listed in cases.cpp.

#pragma once

#include <vector>

#include "serve/conform/case.h"

namespace hf::serve::conform {

// Each with its group, in the order in which they are run. Names are unique.
std::vector<Case> all_cases();

std::vector<Case> health_cases();
std::vector<Case> server_cases();
std::vector<Case> model_cases();
std::vector<Case> infer_cases();
std::vector<Case> output_cases();
std::vector<Case> json_cases();
std::vector<Case> body_refusal_cases();
std::vector<Case> input_refusal_cases();
std::vector<Case> data_refusal_cases();
std::vector<Case> datatype_cases();
std::vector<Case> binary_cases();
std::vector<Case> binary_refusal_cases();
std::vector<Case> path_cases();
std::vector<Case> content_cases();
std::vector<Case> http_cases();
std::vector<Case> connection_cases();
std::vector<Case> framing_cases();
std::vector<Case> statistics_cases();
std::vector<Case> repository_cases();
std::vector<Case> shared_memory_cases();
std::vector<Case> trace_cases();
std::vector<Case> sequence_cases();

}  // namespace hf::serve::conform

// A case of conformance to the Open Inference Protocol: what the standard asks, what to send, and a
// judge of what came. Cases are values, and their functions are pure: run.h does what they decide.
//
// How a case ends is a Status: OK is passed; FAILED_PRECONDITION is skipped, and says what the
// server or the model lacks; any other is failed, and says what is wrong.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/wire_client.h"
#include "serve/conform/subject.h"

namespace hf::serve::conform {

using Turns = std::vector<http::WireTurn>;
using Answers = std::vector<http::WireAnswer>;

// What to send to this server; an error when there is nothing that it could be asked.
using Ask = std::function<Result<Turns>(const Subject& subject)>;

// REQUIRES: the answers are to those turns, one each.
using Judge = std::function<Status(const Subject& subject, const Answers& answers)>;

struct Case {
    std::string name;         // within its group: "id_is_returned"
    std::string asks;         // in our words
    std::string_view source;  // the sentence of the standard (sources.h)
    Ask ask;
    Judge judge;
    std::string group = {};  // set by all_cases()
};

// "infer/id_is_returned".
inline std::string full_name(const Case& one) {
    return one.group + "/" + one.name;
}

}  // namespace hf::serve::conform

// Judges a server by all cases: finds out what it serves, sends what the cases ask for, and keeps
// how each ended. What the server does wrong is in the report; an error is a server that cannot be
// reached, or a model that is not there, and says what to do.
//
// One thread, one request at a time; a server is not loaded by it.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/conform/case.h"

namespace hf::serve::conform {

struct Options {
    std::string url;        // "http://127.0.0.1:8080", or with a path before "/v2"
    std::string model;      // empty: the only one that the server lists
    http::Headers headers;  // sent along with every request
    std::string filter;     // only cases whose full name contains this

    // As http::ClientRequest::pulse: an error ends the run, and is what it answers.
    std::function<Status()> pulse;
};

struct Outcome {
    enum class Verdict : unsigned char { kPassed, kFailed, kSkipped };
    std::string name;  // with its group
    std::string group;
    std::string asks;
    std::string_view source;
    Verdict verdict = Verdict::kFailed;
    std::string came = {};  // the answer; why it is wrong; why it was skipped
};

struct Report {
    std::string model;
    std::vector<Outcome> outcomes;
    std::size_t count(Outcome::Verdict verdict) const;
};

std::string_view verdict_name(Outcome::Verdict verdict);

// How a case ended. Pure.
Outcome outcome_of(const Case& one, const Status& status, const Answers& answers);

Result<Report> run(http::WireClient& client, const Options& options);

}  // namespace hf::serve::conform

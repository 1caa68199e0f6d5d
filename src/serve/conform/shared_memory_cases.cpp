#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kExtension = "system_shared_memory";
constexpr const char* kAll = "/v2/systemsharedmemory";
constexpr const char* kNobodys = "/v2/systemsharedmemory/region/no-such-region-is-here";

// Only what needs no shared memory with the server, which may be on another machine, and leaves its
// regions as they are.
Ask status(const std::string& of) {
    return when_announced(kExtension, get(of + "/status"));
}
Ask change(const std::string& what, std::string body) {
    return when_announced(kExtension,
                          request("POST", fmt::format("{}/{}", kNobodys, what), std::move(body)));
}

json::Object region(std::string_view name, json::Value size) {
    json::Object parameters{{"shared_memory_region", name}};
    if (!size.is_null()) parameters["shared_memory_byte_size"] = std::move(size);
    return parameters;
}

// The first input from there, without data.
Ask infer_from(json::Object parameters) {
    return when_announced(
        kExtension,
        infer(all({leave_out_of_input("data"), set_input("parameters", std::move(parameters))})));
}

Status lists_regions(const Subject&, const Answers& answers) {
    const http::WireAnswer& answer = answers.front();
    if (!answer.answered()) return invalid_argument("{}", answer.trouble);
    if (answer.response.status != 200) {
        return invalid_argument("status {} where 200 is wanted", answer.response.status);
    }
    const json::Value root = HF_TRY(json::parse(as_text(answer.response.body)));
    const json::Array* rows = root.if_array();
    if (!rows) return invalid_argument("the body is no JSON array");
    for (std::size_t i = 0; i < rows->size(); ++i) {
        for (const std::string_view key : {"name", "key", "offset", "byte_size"}) {
            const json::Value* value = json::find((*rows)[i], key);
            const bool text = key == "name" || key == "key";
            if (value && (text ? value->is_string() : value->is_number())) continue;
            return invalid_argument("/{}/{}: want a {}", i, key, text ? "string" : "number");
        }
    }
    return {};
}

// Servers differ in whether that is an error.
Status unregisters(const Subject&, const Answers& answers) {
    if (answers.front().answered() && answers.front().response.status == 200) return {};
    return check_error(answers.front());
}

}  // namespace

std::vector<Case> shared_memory_cases() {
    const std::string nobodys = R"({"key":"/no-such-memory-is-here","byte_size":8})";
    return {
        {"status", "GET v2/systemsharedmemory/status is a 200 with every region",
         source::kRegionStatus, status(kAll), lists_regions},
        {"status_unknown", "the status of a region that is not registered is an error",
         source::kRegionStatusError, status(kNobodys), refuses()},
        {"register_unknown", "to register memory that is not there is an error",
         source::kRegionRegisterError, change("register", nobodys), refuses()},
        {"register_outside", "so is memory that a path would lead to", source::kRegionRegisterError,
         change("register", R"({"key":"/../../etc/hostname","byte_size":8})"), refuses()},
        {"register_no_key", "so is a region without a key", source::kRegionRegister,
         change("register", R"({"byte_size":8})"), refuses()},
        {"register_no_size", "or without a size", source::kRegionRegister,
         change("register", R"({"key":"/no-such-memory-is-here"})"), refuses()},
        {"register_cut", "or whose body is no JSON", source::kRegionRegister,
         change("register", R"({"key":)"), refuses()},
        {"unregister_unknown", "to unregister what is not registered is a 200, or an error",
         source::kRegionUnregister, change("unregister", ""), unregisters},
        {"input_unknown", "an input in a region that is not registered is an error",
         source::kRegionParameters, infer_from(region("no-such-region-is-here", 8)), refuses()},
        {"input_no_size", "so is one without a size", source::kRegionParameters,
         infer_from(region("no-such-region-is-here", nullptr)), refuses()},
        {"input_and_data", "and one with data besides", source::kRegionData,
         when_announced(kExtension,
                        infer(set_input("parameters", region("no-such-region-is-here", 8)))),
         refuses()},
        {"output_unknown", "an output in a region that is not registered is an error",
         source::kRegionParameters,
         when_announced(kExtension, infer(set_outputs(false, region("no-such-region-is-here", 8)))),
         refuses()},
    };
}

}  // namespace hf::serve::conform

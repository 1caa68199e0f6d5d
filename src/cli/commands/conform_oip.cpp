#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/request_headers.h"
#include "serve/conform/run.h"

namespace hf::cli {
namespace {

using Outcome = serve::conform::Outcome;
using Verdict = Outcome::Verdict;

constexpr std::size_t kCameColumns = 100;  // in the table; failures are shown whole
constexpr std::int64_t kSecondsMax = 3600;
constexpr std::uint64_t kCaBytesMax = 1u << 20;

Result<std::unique_ptr<http::WireClient>> make_client(World& world, const Arguments& arguments) {
    http::ClientOptions options;
    options.read_timeout =
        std::chrono::seconds(HF_TRY(arguments.integer("timeout", 1, kSecondsMax)));
    options.connect_timeout = options.read_timeout;
    if (arguments.has("ca")) {
        const Bytes pem = HF_TRY(world.files.read(arguments.get("ca"), kCaBytesMax));
        options.ca_pem = as_text(pem);
    }
    return http::WireClient::create(std::move(options));
}

json::Object to_json(const serve::conform::Report& report) {
    json::Array cases;
    for (const Outcome& one : report.outcomes) {
        cases.push_back({{"name", one.name},
                         {"group", one.group},
                         {"asks", one.asks},
                         {"source", one.source},
                         {"verdict", serve::conform::verdict_name(one.verdict)},
                         {"came", one.came}});
    }
    return {{"passed", report.count(Verdict::kPassed)},
            {"failed", report.count(Verdict::kFailed)},
            {"skipped", report.count(Verdict::kSkipped)},
            {"cases", std::move(cases)}};
}

std::string to_table(const serve::conform::Report& report) {
    std::size_t name_columns = 0;
    std::size_t asks_columns = 0;
    for (const Outcome& one : report.outcomes) {
        name_columns = std::max(name_columns, one.name.size());
        asks_columns = std::max(asks_columns, one.asks.size());
    }
    std::string table;
    for (const Outcome& one : report.outcomes) {
        const std::string came =
            one.verdict == Verdict::kPassed ? one.came.substr(0, kCameColumns) : one.came;
        table += fmt::format("{:8}{:{}}  {:{}}  {}\n", serve::conform::verdict_name(one.verdict),
                             one.name, name_columns, one.asks, asks_columns, came);
        if (one.verdict == Verdict::kFailed) table += fmt::format("        {}\n", one.source);
    }
    return table + fmt::format("{} passed, {} failed, {} skipped\n", report.count(Verdict::kPassed),
                               report.count(Verdict::kFailed), report.count(Verdict::kSkipped));
}

Status run(World& world, const Arguments& arguments) {
    serve::conform::Options options;
    options.url = arguments.get("URL");
    options.model = arguments.get("model");
    options.headers = HF_TRY(read_headers(arguments));
    options.filter = arguments.get("filter");
    options.pulse = [&world]() -> Status {
        return world.wait_for_signal(Duration::zero()) ? cancelled("stopped by a signal")
                                                       : Status();
    };
    const std::unique_ptr<http::WireClient> client = HF_TRY(make_client(world, arguments));
    const serve::conform::Report report = HF_TRY(serve::conform::run(*client, options));
    if (report.outcomes.empty()) {
        return invalid_argument("--filter: no case has '{}' in its name", options.filter);
    }
    world.out(arguments.flag("json") ? json::write(to_json(report)) + "\n" : to_table(report));
    const std::size_t failed = report.count(Verdict::kFailed);
    if (failed == 0) return {};
    return failed_precondition("{} of {} cases failed; each names what the standard asks", failed,
                               report.outcomes.size());
}

}  // namespace

Command conform_oip_command() {
    return {
        "conform oip",
        "Judges any server by the REST API of the Open Inference Protocol; exit status 3 when "
        "a case failed",
        {{"URL", "where the server is: what stands before /v2"}},
        {{"--model", "which model to ask; the only one that the server lists unless given", "NAME"},
         header_option(),
         {"--ca", "believed besides the system's authorities, in PEM", "FILE"},
         {"--timeout", "how long to wait for an answer", "SECONDS", "10"},
         {"--filter", "only cases whose name contains this", "TEXT"},
         {"--json", "as JSON", ""}},
        {"holdfast conform oip http://127.0.0.1:8080",
         "holdfast conform oip http://127.0.0.1:8000 --model resnet --json",
         "holdfast conform oip https://models.example --header 'Authorization: Bearer TOKEN'",
         "holdfast conform oip http://127.0.0.1:8080 --filter binary/"},
        run,
        Code::kFailedPrecondition};
}

}  // namespace hf::cli

#include "base/text.h"
#include "cli/commands.h"
#include "cli/remote_scorer.h"
#include "cli/series_file.h"

namespace hf::cli {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1u << 20;

Result<ScorerAddress> address_of(World& world, const Arguments& arguments) {
    ScorerAddress address{arguments.get("server"), arguments.get("service")};
    if (arguments.has("ca")) {
        address.ca_pem = as_text(HF_TRY(world.files.read(arguments.get("ca"), kMaxFileBytes)));
    }
    if (arguments.has("token")) {
        const Bytes token = HF_TRY(world.files.read(arguments.get("token"), kMaxFileBytes));
        address.token = trim(as_text(token));
    }
    return address;
}

Status run(World& world, const Arguments& arguments) {
    const std::unique_ptr<Scorer> scorer =
        HF_TRY(connect_scorer(HF_TRY(address_of(world, arguments))));
    return replay(world, arguments.get("DATA"), arguments, *scorer);
}

}  // namespace

Command stream_command() {
    std::vector<Option> options{
        {"--service", "the service, or the model that `holdfast serve` serves", "NAME", "", false,
         true},
        {"--server", "where it answers", "URL", "http://127.0.0.1:8080"},
        {"--ca", "trust this certificate authority, PEM, besides the system's", "FILE"},
        {"--token", "a file with the bearer token to send", "FILE"}};
    for (Option& option : series_options()) options.push_back(std::move(option));
    for (Option& option : replay_options()) options.push_back(std::move(option));
    return {"stream",
            "Sends a series to a served anomaly detector, window by window, and prints the alerts",
            {{"DATA", "a CSV file with a header"}},
            std::move(options),
            {"holdfast stream pump.csv --service pump --time timestamp --value celsius"},
            run};
}

}  // namespace hf::cli

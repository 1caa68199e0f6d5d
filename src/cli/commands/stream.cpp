#include "cli/commands.h"
#include "cli/remote_scorer.h"
#include "cli/series_file.h"

namespace hf::cli {
namespace {

Status run(World& world, const Arguments& arguments) {
    const std::unique_ptr<Scorer> scorer =
        HF_TRY(connect_scorer(arguments.get("server"), arguments.get("service")));
    return replay(world, arguments.get("DATA"), arguments, *scorer);
}

}  // namespace

Command stream_command() {
    std::vector<Option> options{
        {"--service", "the service, or the model that `holdfast serve` serves", "NAME", "", false,
         true},
        {"--server", "where it answers", "URL", "http://127.0.0.1:8080"}};
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

#include "cli/commands.h"
#include "cli/data_folder.h"
#include "cli/listen.h"
#include "cli/up/agent_host.h"

namespace hf::cli {
namespace {

constexpr std::int64_t kMaxSeconds = 7 * 24 * 3600;
constexpr auto kDrainGrace = std::chrono::seconds(30);

Status run(World& world, const Arguments& arguments) {
    const Duration start = world.clock.monotonic();
    AgentHostOptions options;
    options.data = HF_TRY(data_folder(world, arguments));
    options.inference = HF_TRY(parse_listen("listen", arguments.get("listen")));
    options.advertise = arguments.get("advertise");
    options.jurisdiction = arguments.get("jurisdiction");
    options.server = arguments.get("join");
    options.token = arguments.get("token");
    options.name = arguments.get("name");
    options.new_key = arguments.flag("new-key");
    options.measure = arguments.flag("measure");
    std::optional<Duration> patience;
    if (arguments.has("for")) {
        patience = std::chrono::seconds(HF_TRY(arguments.integer("for", 1, kMaxSeconds)));
    }
    const std::unique_ptr<AgentHost> agent = HF_TRY(AgentHost::start(world, std::move(options)));
    const double seconds = std::chrono::duration<double>(world.clock.monotonic() - start).count();
    world.out(fmt::format("{:7.2f} s  node {} of {} is up: predictions at {}\n", seconds,
                          agent->node(), agent->server(), agent->inference_url()));
    world.wait_for_signal(patience);
    const bool clean = agent->drain(kDrainGrace);
    world.note(clean ? "drained, every request answered\n" : "stopped with requests unanswered\n");
    return {};
}

}  // namespace

Command agent_command() {
    return {"agent",
            "Runs this machine as a node: it does what its server orders, also without network",
            {},
            {data_option(),
             {"--join",
              "the server, the first time; several where they share a store; later: those that are "
              "asked from then on",
              "URL[,URL...]"},
             {"--token", "what `holdfast token create` said, the first time", "TOKEN"},
             {"--name", "this machine's name among nodes, the first time", "NAME"},
             {"--new-key", "join with a new key: after a revocation", ""},
             {"--listen", "where predictions are asked for", "ADDR:PORT", "127.0.0.1:8080"},
             {"--advertise", "the URL at which others reach that; else the address itself", "URL"},
             {"--jurisdiction", "whose law holds here: what may not lie here is refused", "NAME"},
             {"--measure", "measure anew what this machine can do, for its Node's status", ""},
             {"--for", "stop by itself after so many seconds", "SECONDS"}},
            {"holdfast agent --join https://control.example:8443 --token hfj.... --name press-7",
             "holdfast agent --join https://a.example:8443,https://b.example:8443",
             "holdfast agent --data /srv/holdfast --jurisdiction DE"},
            run};
}

}  // namespace hf::cli

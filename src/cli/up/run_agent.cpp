#include "cli/up/run_agent.h"
#include "base/text.h"
#include "cli/data_folder.h"
#include "cli/listen.h"
#include "cli/up/agent_host.h"
#include "http/paced_client.h"
#include "http/url.h"

namespace hf::cli {
namespace {

constexpr std::int64_t kMaxSeconds = 7 * 24 * 3600;
constexpr std::int64_t kMaxRate = 1'000'000'000;
constexpr auto kDrainGrace = std::chrono::seconds(30);

// The update repository that this machine asks whatever its server says.
Result<std::vector<node::UpdatePin>> own_pins(const Arguments& arguments) {
    std::vector<node::UpdatePin> pins;
    if (arguments.has("updates") != arguments.has("updates-root")) {
        return invalid_argument("--updates and --updates-root go together");
    }
    if (!arguments.has("updates")) return pins;
    node::UpdatePin pin;
    pin.url = arguments.get("updates");
    HF_TRY(http::parse_url(pin.url).status().context("--updates"));
    const std::string root = arguments.get("updates-root");
    const std::size_t colon = root.find(':');
    pin.root_version = HF_TRY(parse_int(root.substr(0, colon)).context("--updates-root"));
    pin.root = HF_TRY(Digest::parse(colon == std::string::npos ? "" : root.substr(colon + 1))
                          .context("--updates-root"));
    pins.push_back(std::move(pin));
    return pins;
}

Status run(World& world, const Arguments& arguments) {
    return run_agent(world, arguments, {});
}

}  // namespace

Status run_agent(World& world, const Arguments& arguments, const AgentExtras& extras) {
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
    options.updates = HF_TRY(own_pins(arguments));
    options.pace.least_bytes_per_second =
        static_cast<std::uint64_t>(HF_TRY(arguments.integer("least-rate", 0, kMaxRate)));
    options.door_extras = extras.door_extras;
    options.observer = extras.observer;
    options.sleep_after = extras.sleep_after;
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

Command plain_agent_command() {
    std::vector<Option> options{
        data_option(),
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
        {"--updates", "a repository (TUF) that must vouch for every version", "URL"},
        {"--updates-root", "its root to begin with: version, digest", "1:sha256:HEX"},
        {"--least-rate", "bytes a second below which a pull is broken off, to be tried again",
         "BYTES", std::to_string(http::kLeastDownloadRate)},
        {"--for", "stop by itself after so many seconds", "SECONDS"}};
    return {"agent",
            "Runs this machine as a node: it does what its server orders, also without network",
            {},
            std::move(options),
            {"holdfast agent --join https://control.example:8443 --token hfj.... --name press-7",
             "holdfast agent --join https://a.example:8443,https://b.example:8443",
             "holdfast agent --data /srv/holdfast --jurisdiction DE"},
            run};
}

}  // namespace hf::cli

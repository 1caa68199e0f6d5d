#include "base/json.h"
#include "cli/commands.h"
#include "cli/listen.h"
#include "cli/observing.h"
#include "cli/sleep_option.h"
#include "cli/up/demo.h"
#include "cli/up/instance.h"
#include "cli/vault_folder.h"

namespace hf::cli {
namespace {

constexpr auto kDrainGrace = std::chrono::seconds(30);
constexpr std::int64_t kMaxSeconds = 7 * 24 * 3600;

Result<InstanceOptions> instance_options(World& world, const Arguments& arguments) {
    InstanceOptions options;
    options.data = HF_TRY(data_folder(world, arguments));
    options.inference = HF_TRY(parse_listen("listen", arguments.get("listen")));
    options.api = HF_TRY(parse_listen("api", arguments.get("api")));
    options.node_name = arguments.get("node");
    options.sleep_after = HF_TRY(sleep_after_of(arguments));
    return options;
}

// Serves until a signal comes or the time is over.
void serve(World& world, std::optional<Duration> end) {
    std::optional<Duration> patience;
    if (end) patience = std::max(Duration::zero(), *end - world.clock.monotonic());
    world.wait_for_signal(patience);
}

// The pump's readings, one after the other, until `end` or a signal. What one reading cannot get,
// the next one may.
void live(World& world, Demo& demo, Narrator& narrator, std::optional<Duration> end) {
    bool shown = false;
    Status last;
    while (!end || world.clock.monotonic() < *end) {
        const Status status = demo.next_reading();
        if (!status.ok() && status != last) world.note(fmt::format("{}\n", status.message()));
        last = status;
        if (demo.result().alerts > 0 && !shown) {
            shown = true;
            narrator.say("\nThe bearing wears; the readings go on. Try, in another terminal:\n\n" +
                         demo.what_to_try() + "\nCtrl-C ends it.\n");
        }
        if (world.wait_for_signal(kDemoPace)) return;
    }
}

Status run(World& world, const Arguments& arguments) {
    const Duration start = world.clock.monotonic();
    Narrator narrator(world, start, arguments.flag("json"));
    std::optional<Duration> end;
    if (arguments.has("for")) {
        end = start + std::chrono::seconds(HF_TRY(arguments.integer("for", 1, kMaxSeconds)));
    }
    InstanceOptions options = HF_TRY(instance_options(world, arguments));
    const Observing observing = HF_TRY(make_observing(world, arguments, options.node_name));
    options.observer = observing.observer.get();
    const std::unique_ptr<Instance> instance = HF_TRY(Instance::start(world, std::move(options)));
    narrator.step("up", fmt::format("holdfast is up: predictions at {}, resources at {}",
                                    instance->inference_url(), instance->api_url()));
    narrator.say(fmt::format("           kubeconfig: {0}/kubeconfig\n", instance->data()));
    json::Object summary;
    if (arguments.flag("demo")) {
        const std::unique_ptr<Demo> demo = HF_TRY(Demo::prepare(world, *instance, narrator));
        live(world, *demo, narrator, end);
        const DemoResult& result = demo->result();
        summary = {{"first_verified_s", result.first_verified_s},
                   {"predictions", result.predictions},
                   {"alerts", result.alerts}};
    } else {
        serve(world, end);
    }
    const bool clean = instance->drain(kDrainGrace);
    narrator.step("down", clean ? "every request answered" : "stopped with requests unanswered");
    if (narrator.json() && !summary.empty()) world.out(json::write(summary) + "\n");
    return {};
}

}  // namespace

Command up_command() {
    std::vector<Option> options{
        data_option(),
        {"--listen", "where predictions are asked for", "ADDR:PORT", "127.0.0.1:8080"},
        {"--api", "where the resource API listens, over TLS", "ADDR:PORT", "127.0.0.1:8443"},
        {"--node", "this machine's name among nodes", "NAME", "local"},
        sleep_option(),
        {"--for", "stop by itself after so many seconds", "SECONDS"},
        {"--demo", "a simulated pump with a bearing that begins to wear", ""},
        {"--json", "one JSON object a step", ""}};
    for (Option& option : observing_options()) options.push_back(std::move(option));
    return {"up",
            "Runs Holdfast on this machine: resources, vault, node agent and predictions",
            {},
            std::move(options),
            {"holdfast up", "holdfast up --data /srv/holdfast --listen 127.0.0.1:9000",
             "holdfast up --demo --for 60 --json"},
            run};
}

}  // namespace hf::cli

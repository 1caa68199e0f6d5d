#include "cli/commands.h"
#include "cli/data_folder.h"
#include "cli/listen.h"
#include "cli/observing.h"
#include "cli/up/control_host.h"

namespace hf::cli {
namespace {

constexpr auto kDrainGrace = std::chrono::seconds(30);
constexpr std::int64_t kMaxSeconds = 7 * 24 * 3600;

Status run(World& world, const Arguments& arguments) {
    const Duration start = world.clock.monotonic();
    ControlOptions options;
    options.data = HF_TRY(data_folder(world, arguments));
    options.api = HF_TRY(parse_listen("listen", arguments.get("listen")));
    options.hosts = arguments.all("host");
    options.trust_domain = arguments.get("trust-domain");
    options.store = store_choice(arguments.get("store"), arguments);
    options.site = arguments.get("site");
    if (arguments.get("gateway") != "none") {
        options.gateway = HF_TRY(parse_listen("gateway", arguments.get("gateway")));
    }
    const Observing observing = HF_TRY(make_observing(world, arguments, "gateway"));
    options.observer = observing.observer.get();
    std::optional<Duration> patience;
    if (arguments.has("for")) {
        patience = std::chrono::seconds(HF_TRY(arguments.integer("for", 1, kMaxSeconds)));
    }
    HF_TRY(world.files.create_directories(options.data));
    const std::string data = options.data;
    const std::unique_ptr<vault::Vault> vault =
        HF_TRY(vault::Vault::open(world.files, data + "/vault"));
    const std::unique_ptr<ControlHost> control =
        HF_TRY(ControlHost::start(world, *vault, std::move(options)));
    const double seconds = std::chrono::duration<double>(world.clock.monotonic() - start).count();
    world.out(
        fmt::format("{:7.2f} s  the control plane is up at {}\n"
                    "           kubeconfig: {}/kubeconfig\n"
                    "           add a machine: {} token create --kubeconfig {}/kubeconfig\n",
                    seconds, control->api_url(), data, world.program, data));
    if (!control->gateway_url().empty()) {
        world.out(fmt::format("           predictions: {}/v2/models/SERVICE/infer\n",
                              control->gateway_url()));
    }
    world.wait_for_signal(patience);
    const bool clean = control->drain(kDrainGrace);
    world.note(clean ? "drained, every request answered\n" : "stopped with requests unanswered\n");
    return {};
}

}  // namespace

Command server_command() {
    Command command{
        "server",
        "Runs the control plane: resources, enrolment, models, placement, roll-outs, gateway",
        {},
        {data_option(),
         {"--listen", "where machines and people reach it, over TLS", "ADDR:PORT",
          "127.0.0.1:8443"},
         {"--host", "a name or address that they call it by; may be given again", "NAME", "", true},
         {"--gateway", "where predictions for all services are asked for, or 'none'", "ADDR:PORT",
          "127.0.0.1:8080"},
         {"--site", "the Site where this server stands: its machines answer first", "NAME"},
         {"--trust-domain", "what its machines' names begin with; made up unless given", "NAME"},
         {"--for", "stop by itself after so many seconds", "SECONDS"},
         {"--store",
          "where resources are kept: sqlite:PATH, or an etcd for several servers; in "
          "the data folder unless given",
          "URL"}},
        {"holdfast server",
         "holdfast server --data /srv/holdfast --listen 0.0.0.0:8443 --host control.example",
         "holdfast server --store etcd://127.0.0.1:2379"},
        run};
    for (Option& option : observing_options()) command.options.push_back(std::move(option));
    for (Option& option : store_tls_options()) command.options.push_back(std::move(option));
    return command;
}

}  // namespace hf::cli

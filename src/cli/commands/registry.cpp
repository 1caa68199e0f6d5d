#include "cli/commands.h"
#include "cli/listen.h"
#include "cli/vault_folder.h"
#include "cli/weight_tensors.h"
#include "vault/registry_server.h"

namespace hf::cli {
namespace {

constexpr auto kDrainGrace = std::chrono::seconds(30);
constexpr std::int64_t kMaxSeconds = 100 * 365 * 86'400LL;
constexpr std::int64_t kMaxCacheMib = std::int64_t{1} << 30;

Status run(World& world, const Arguments& arguments) {
    http::ServerOptions options = HF_TRY(parse_listen("listen", arguments.get("listen")));
    std::optional<Duration> length;
    if (arguments.has("for")) {
        length = std::chrono::seconds(HF_TRY(arguments.integer("for", 1, kMaxSeconds)));
    }
    vault::RegistryServerOptions serving;
    const std::int64_t mib = HF_TRY(arguments.integer("delta-mib", 1, kMaxCacheMib));
    serving.deltas.store_bytes_max = static_cast<std::uint64_t>(mib) << 20;
    serving.deltas.find_tensors = find_weight_tensors;
    const std::unique_ptr<vault::Vault> vault = HF_TRY(open_vault(world, arguments));
    vault::RegistryServer registry(*vault, std::move(serving));
    http::Router router;
    vault::add_registry_routes(router, registry);
    const std::string address = options.address;
    const std::unique_ptr<http::Server> server =
        HF_TRY(http::Server::start(std::move(options), std::move(router)));
    const bool ipv6 = address.find(':') != std::string::npos;
    world.out(fmt::format("serving {} as a registry on {}:{}, for reading\n", vault->folder(),
                          ipv6 ? "[" + address + "]" : address, server->port()));
    world.wait_for_signal(length);
    const bool clean = server->drain(kDrainGrace);
    world.note(clean ? "drained, every request answered\n" : "stopped with requests unanswered\n");
    return {};
}

}  // namespace

Command registry_command() {
    return {"registry",
            "Serves this machine's vault as an OCI registry, for reading",
            {},
            {{"--listen", "a loopback address; port 0 lets the system choose", "ADDR:PORT",
              "127.0.0.1:5000"},
             {"--for", "stop by itself after so many seconds", "SECONDS"},
             {"--delta-mib", "keep at most so many MiB of deltas between versions", "N", "1024"},
             data_option()},
            {"holdfast registry", "holdfast pull 127.0.0.1:5000/pump:v2 --deltas --data other",
             "skopeo copy --src-tls-verify=false docker://127.0.0.1:5000/pump:v1 oci:pump:v1"},
            run};
}

}  // namespace hf::cli

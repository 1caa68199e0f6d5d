// The resource API over TLS on a free port of 127.0.0.1, on a store in memory: what
// tests/kubectl.sh talks to. Writes an administrator's kubeconfig to the file of its only argument,
// prints "ready", and serves until SIGINT or SIGTERM.

#include <cstdio>

#include "control/server/api_server.h"
#include "control/server/kubeconfig.h"
#include "crypto/certificates.h"
#include "posix/clock.h"
#include "posix/files.h"
#include "posix/signals.h"
#include "store/memory.h"

namespace hf {
namespace {

Status run(const std::string& kubeconfig_path) {
    const posix::StopSignals signals;
    posix::RealFiles files;
    posix::RealClock clock;
    posix::RealEntropy entropy;
    const std::unique_ptr<store::Store> store = store::make_memory_store(clock);
    resources::Resources resources(*store, clock, entropy);
    control::Tokens tokens(resources, entropy);
    control::ApiServer api(resources, tokens, "test");

    constexpr auto kValid = std::chrono::hours(1);
    const crypto::Credential ca = HF_TRY(crypto::make_ca("test", clock.now(), kValid));
    const crypto::Credential own =
        HF_TRY(crypto::issue_server_certificate(ca, {{}, {"127.0.0.1"}}, clock.now(), kValid));
    http::Router router;
    control::add_api_routes(router, api);
    http::ServerOptions options;
    options.tls = http::Tls{own.certificate_pem, own.key.pem(), ""};
    const std::unique_ptr<http::Server> server =
        HF_TRY(http::Server::start(std::move(options), std::move(router)));

    const std::string token =
        HF_TRY(tokens.issue(control::admin_identity(), api::Identity::of_system("test")));
    const std::string url = fmt::format("https://127.0.0.1:{}", server->port());
    HF_TRY(files.write(kubeconfig_path,
                       as_bytes(control::kubeconfig({url, ca.certificate_pem, token})),
                       env::Access::kPrivate));
    std::fputs("ready\n", stdout);
    std::fflush(stdout);
    while (!signals.wait(std::chrono::seconds(1))) {
        api.tick();
        HF_TRY(resources.maintain());
    }
    server->drain(std::chrono::seconds(1));
    return {};
}

}  // namespace
}  // namespace hf

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: api_server KUBECONFIG\n", stderr);
        return 2;
    }
    const hf::Status status = hf::run(argv[1]);
    if (!status.ok()) std::fputs((status.to_string() + "\n").c_str(), stderr);
    return status.ok() ? 0 : 1;
}

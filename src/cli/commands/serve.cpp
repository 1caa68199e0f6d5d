#include "cli/commands.h"
#include "cli/listen.h"
#include "cli/model_file.h"
#include "crypto/hash.h"
#include "graph/load.h"
#include "http/server.h"
#include "runtime/plan_file.h"
#include "serve/grpc/routes.h"
#include "serve/oip.h"
#include "serve/platform.h"

namespace hf::cli {
namespace {

constexpr auto kDrainGrace = std::chrono::seconds(30);

// "pump" of "models/pump.onnx".
std::string stem_of(const std::string& path) {
    const std::string file = path.substr(path.rfind('/') + 1);
    return file.substr(0, file.rfind('.'));
}

// What receipts and metadata say of the file. A plan's weights are compared with their digest
// here, once, before anybody is answered.
Result<serve::ModelHost::Identity> identify(World& world, const std::string& path,
                                            const Arguments& arguments) {
    const std::unique_ptr<env::MappedFile> file = HF_TRY(world.files.map(path, false));
    const bool is_plan = runtime::is_plan(file->bytes());
    if (is_plan) {
        HF_TRY(runtime::verify_plan(file->bytes()).context("{}", path));
    }
    serve::ModelHost::Identity identity;
    identity.name = arguments.has("name") ? arguments.get("name") : stem_of(path);
    identity.platform = serve::platform_name(
        is_plan ? "plan" : graph::format_name(graph::detect_format(file->bytes())));
    identity.model_digest = crypto::sha256(file->bytes()).to_string();
    return identity;
}

// Null without --receipts.
Result<std::unique_ptr<serve::Receipts>> open_receipts(World& world, const Arguments& arguments) {
    if (!arguments.has("receipts")) return std::unique_ptr<serve::Receipts>();
    serve::Receipts::Options options;
    options.folder = arguments.get("receipts");
    options.node = arguments.get("node");
    return serve::Receipts::open({world.files, world.clock, world.entropy}, std::move(options));
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("FILE");
    http::ServerOptions options = HF_TRY(parse_listen("listen", arguments.get("listen")));
    options.workers = static_cast<std::size_t>(HF_TRY(arguments.integer("workers", 1, 256)));
    const LoadedModel loaded = HF_TRY(load_model(world, path, arguments));
    serve::ModelHost::Identity identity = HF_TRY(identify(world, path, arguments));
    const std::string name = identity.name;
    const std::shared_ptr<runtime::Crew> crew = HF_TRY(make_crew(world, arguments));
    serve::Models models;
    HF_TRY(models.activate(
        std::make_shared<serve::ModelHost>(std::move(identity), loaded.model, world.clock, crew)));
    const std::unique_ptr<serve::Receipts> receipts = HF_TRY(open_receipts(world, arguments));
    http::Router router;
    const serve::OipExtras extras{receipts.get()};
    serve::add_oip_routes(router, models, extras);
    serve::grpc::add_grpc(router, options, {models, extras}, world.clock);
    const std::string address = options.address;
    const std::unique_ptr<http::Server> server =
        HF_TRY(http::Server::start(std::move(options), std::move(router)));
    world.out(
        fmt::format("serving {} on http://{}:{}/v2/models/{} ({} device, loaded in {:.1f} ms)\n",
                    path, address, server->port(), name, loaded.model->device(), loaded.load_ms));
    if (receipts) {
        world.out(fmt::format("receipts are verified with {}/log.pub: {}\n",
                              arguments.get("receipts"), receipts->log().verifier().text()));
    }
    world.wait_for_signal(std::nullopt);
    models.set_ready(false);
    const bool clean = server->drain(kDrainGrace);
    world.note(clean ? "drained, every request answered\n" : "stopped with requests unanswered\n");
    return {};
}

}  // namespace

Command serve_command() {
    std::vector<Option> options{
        {"--listen", "a loopback address; port 0 lets the system choose", "ADDR:PORT",
         "127.0.0.1:8080"},
        {"--name", "the model's name; the file's stem unless given", "NAME"},
        {"--receipts",
         "folder of the receipt log, made when it is not there; without it predictions "
         "have no receipts",
         "DIR"},
        {"--node", "who answers, in receipts", "NAME", "local"},
        {"--workers", "requests computed at a time; one of them has the threads of --threads", "N",
         "2"},
        threads_option()};
    for (Option& option : device_options()) options.push_back(std::move(option));
    return {"serve",
            "Serves one model over the Open Inference Protocol (REST and gRPC) until SIGTERM, then "
            "drains",
            {{"FILE", "an ONNX model"}},
            std::move(options),
            {"holdfast serve model.onnx --listen 127.0.0.1:8080 --receipts receipts",
             "curl localhost:8080/v2/models/model"},
            run};
}

}  // namespace hf::cli

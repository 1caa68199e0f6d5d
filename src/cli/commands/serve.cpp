#include <atomic>

#include "cli/byte_size.h"
#include "cli/commands.h"
#include "cli/listen.h"
#include "cli/observing.h"
#include "cli/served_models.h"
#include "cli/trust_roots.h"
#include "http/hand_over.h"
#include "http/server.h"
#include "serve/ensemble/helpers.h"
#include "serve/grpc/routes.h"
#include "serve/oip.h"
#include "serve/quick.h"
#include "serve/shared_memory/regions.h"
#include "serve/tasks/routes.h"

namespace hf::cli {
namespace {

constexpr auto kDrainGrace = std::chrono::seconds(30);

// What the server that is replaced takes beyond that, and how soon it notices.
constexpr Duration kEndPatience = std::chrono::seconds(10);
constexpr Duration kLookForHeirs = std::chrono::milliseconds(100);

// One that reads what comes while the places of the schedule are taken, and one that a load may
// have.
constexpr std::size_t kWorkersBeside = 2;

// At a time, of all models; what waits for its turn counts.
constexpr std::size_t kRequestsMax = 2048;
constexpr std::size_t kMaxPemBytes = 256u << 10;

// Null without --receipts.
Result<std::unique_ptr<serve::Receipts>> open_receipts(World& world, const Arguments& arguments) {
    if (!arguments.has("receipts")) return std::unique_ptr<serve::Receipts>();
    serve::Receipts::Options options;
    options.folder = arguments.get("receipts");
    options.node = arguments.get("node");
    return serve::Receipts::open({world.files, world.clock, world.entropy}, std::move(options));
}

// Null without --callers.
Result<std::unique_ptr<serve::Access>> read_access(World& world, const Arguments& arguments) {
    if (!arguments.has("callers")) return std::unique_ptr<serve::Access>();
    const std::string path = arguments.get("callers");
    const std::string text =
        HF_TRY(read_text_file(world, path, serve::Access::kMaxFileBytes).context("--callers"));
    serve::Access access = HF_TRY(serve::Access::parse(text).context("--callers {}", path));
    return std::make_unique<serve::Access>(std::move(access));
}

// Where to listen, as whom, and who may come in: beyond this machine not without TLS and callers.
Result<http::ServerOptions> door_of(World& world, const Arguments& arguments,
                                    const serve::Access* access, serve::RateLimits& limits) {
    http::ServerOptions door = HF_TRY(parse_listen("listen", arguments.get("listen")));
    if (arguments.has("tls-cert") != arguments.has("tls-key")) {
        return invalid_argument("--tls-cert and --tls-key come together");
    }
    if (arguments.has("tls-cert")) {
        door.tls.emplace();
        door.tls->certificate_pem =
            HF_TRY(read_text_file(world, arguments.get("tls-cert"), kMaxPemBytes));
        door.tls->key_pem = HF_TRY(read_text_file(world, arguments.get("tls-key"), kMaxPemBytes));
    }
    if (access) door.gate = access->gate(limits);
    if (is_loopback(door.address)) return door;
    if (arguments.has("shared-memory")) {
        return failed_precondition(
            "--shared-memory with --listen {}: whoever reached it could read and write this "
            "machine's shared memory; listen on 127.0.0.1",
            door.address);
    }
    if (!door.tls) {
        return failed_precondition(
            "--listen {}: whoever is on the way could read and change what is asked; give the "
            "server a certificate (--tls-cert FILE --tls-key FILE), or listen on 127.0.0.1",
            door.address);
    }
    if (!access && !arguments.has("anyone")) {
        return failed_precondition(
            "--listen {}: whoever reaches it could ask and unload the models; say who may "
            "(--callers FILE), or --anyone",
            door.address);
    }
    return door;
}

Result<serve::Schedule::Options> schedule_of(const Arguments& arguments) {
    serve::Schedule::Options options;
    options.places = static_cast<std::size_t>(HF_TRY(arguments.integer("workers", 1, 256)));
    options.queued_max = static_cast<std::size_t>(HF_TRY(arguments.integer("queue", 1, 10000)));
    options.batch_most = std::chrono::milliseconds(HF_TRY(arguments.integer("batch-ms", 0, 60000)));
    return options;
}

// The server that this one replaces, whose place in the queue of connections it takes. Two cannot
// write one log of receipts, so with one the other ends first, while who comes waits in the queue;
// else this one answers before the other goes.
class Succession final {
public:
    // Null members without --hand-over, or when nobody is there.
    static Result<Succession> find(const Arguments& arguments, http::ServerOptions& options) {
        Succession succession;
        if (!arguments.has("hand-over")) return succession;
        succession.path_ = arguments.get("hand-over");
        succession.predecessor_ = HF_TRY(http::Predecessor::find(succession.path_));
        if (succession.predecessor_) options.listener = succession.predecessor_->listener();
        return succession;
    }

    // Before this server takes what two cannot have.
    Status await_end() {
        if (!predecessor_) return {};
        HF_TRY(predecessor_->let_go());
        HF_TRY(predecessor_->wait_for_end(kDrainGrace + kEndPatience));
        ended_ = true;
        return {};
    }

    // Once this server answers. Null where nobody may replace it.
    Result<std::unique_ptr<http::Heirs>> take_over(const http::Server& server,
                                                   std::atomic<bool>& replaced) {
        if (predecessor_ && !ended_) HF_TRY(predecessor_->let_go());
        predecessor_.reset();  // the server has a copy of its socket
        if (path_.empty()) return std::unique_ptr<http::Heirs>();
        return http::Heirs::await(path_, server.listener(), [&replaced] { replaced = true; });
    }

private:
    std::string path_;
    std::unique_ptr<http::Predecessor> predecessor_;
    bool ended_ = false;
};

// Null without --response-cache.
Result<std::unique_ptr<serve::ResponseCache>> make_cache(const Arguments& arguments) {
    if (!arguments.has("response-cache")) return std::unique_ptr<serve::ResponseCache>();
    const std::uint64_t bytes =
        HF_TRY(parse_byte_size("response-cache", arguments.get("response-cache")));
    return std::make_unique<serve::ResponseCache>(bytes);
}

// Null where no ensemble has steps to divide, or no two inferences run at a time.
std::unique_ptr<serve::ensemble::Helpers> make_helpers(serve::Scheduler& scheduler,
                                                       std::size_t ensembles, std::size_t workers) {
    const std::size_t places = workers - kWorkersBeside;
    if (ensembles == 0 || places == 1) return nullptr;
    return std::make_unique<serve::ensemble::Helpers>(scheduler, places - 1);
}

Status run(World& world, const Arguments& arguments) {
    const std::unique_ptr<serve::Access> access = HF_TRY(read_access(world, arguments));
    serve::RateLimits limits(world.clock);
    http::ServerOptions options = HF_TRY(door_of(world, arguments, access.get(), limits));
    options.workers =
        static_cast<std::size_t>(HF_TRY(arguments.integer("workers", 1, 256))) + kWorkersBeside;
    options.limits.queued_requests = kRequestsMax;
    serve::Models models;
    serve::ModelRepository repository(models);
    ServedModels served(world, arguments, models, repository);
    HF_TRY(served.load());
    // Told of below, when clients may be loading already.
    const std::vector<ServedModels::Line> lines = served.lines();
    // Ends last: who replaces this server hears then that all is free.
    std::unique_ptr<http::Heirs> heirs;
    std::atomic<bool> replaced{false};
    Succession succession = HF_TRY(Succession::find(arguments, options));
    if (arguments.has("receipts")) HF_TRY(succession.await_end());
    const std::unique_ptr<serve::Receipts> receipts = HF_TRY(open_receipts(world, arguments));
    const Observing observing = HF_TRY(make_observing(world, arguments, arguments.get("node")));
    options.observe = observing.observe();
    http::Router router;
    serve::Scheduler scheduler(world.clock, HF_TRY(schedule_of(arguments)));
    const auto helpers = make_helpers(scheduler, served.ensembles(), options.workers);
    serve::Regions regions(world.open_shared_block);
    serve::OipExtras extras{receipts.get(),
                            nullptr,
                            &repository,
                            access.get(),
                            observing.observer.get(),
                            &scheduler,
                            access ? &limits : nullptr};
    if (arguments.has("shared-memory")) extras.regions = &regions;
    extras.helpers = helpers.get();
    const std::unique_ptr<serve::ResponseCache> cache = HF_TRY(make_cache(arguments));
    extras.cache = cache.get();
    serve::add_oip_routes(router, models, extras);
    serve::tasks::add_task_routes(router, {models, extras});
    serve::grpc::add_grpc(router, options, {models, extras}, world.clock);
    options.quick = serve::quick_requests({models, extras});
    const std::string origin =
        fmt::format("{}://{}", options.tls ? "https" : "http", options.address);
    const std::unique_ptr<http::Server> server =
        HF_TRY(http::Server::start(std::move(options), std::move(router)));
    heirs = HF_TRY(succession.take_over(*server, replaced));
    for (const ServedModels::Line& line : lines) {
        world.out(fmt::format("serving {} on {}:{}/v2/models/{} {}\n", line.path, origin,
                              server->port(), line.model, line.how));
    }
    if (lines.empty()) {
        world.out(fmt::format("serving no model yet on {}:{}\n", origin, server->port()));
    }
    if (receipts) {
        world.out(fmt::format("receipts are verified with {}/log.pub: {}\n",
                              arguments.get("receipts"), receipts->log().verifier().text()));
    }
    std::optional<Duration> pause = served.pause();
    if (heirs) pause = std::min(pause.value_or(kLookForHeirs), kLookForHeirs);
    while (!replaced && !world.wait_for_signal(pause)) served.look_after();
    if (!replaced) {  // else somebody else is ready at the same address
        heirs.reset();
        models.set_ready(false);
    }
    const bool clean = server->drain(kDrainGrace);
    world.note(clean ? "drained, every request answered\n" : "stopped with requests unanswered\n");
    return {};
}

}  // namespace

Command serve_command() {
    std::vector<Option> options{
        {"--listen",
         "where to answer; port 0 lets the system choose. Beyond this machine with TLS and "
         "callers only",
         "ADDR:PORT", "127.0.0.1:8080"},
        {"--tls-cert", "certificate chain of the server, PEM", "FILE"},
        {"--tls-key", "its key, PEM", "FILE"},
        {"--callers",
         "who may ask for what: a line each with a name, the SHA-256 of a token, and rights "
         "(infer=MODEL,... load=MODEL,... observe; * is every model), or limits (rate=REQUESTS-A-"
         "SECOND burst=REQUESTS)",
         "FILE"},
        {"--anyone", "beyond this machine, too, whoever comes may do everything", ""},
        {"--name", "the name of the only model; its file's stem unless given", "NAME"},
        {"--receipts",
         "folder of the receipt log, made when it is not there; without it predictions "
         "have no receipts",
         "DIR"},
        {"--hand-over",
         "a socket by which the next server that is started with it takes this one's place, and no "
         "connection is refused in between",
         "PATH"},
        {"--node", "who answers, in receipts and spans", "NAME", "local"},
        {"--workers",
         "inferences that run at a time, while a model is loaded too; one of them has the threads "
         "of --threads",
         "N", "2"},
        {"--queue", "requests of one model that wait for their turn; more are answered 429", "N",
         "1000"},
        {"--batch-ms",
         "requests that wait run together where that is cheaper and takes no longer than this; 0: "
         "one by one",
         "MS", "50"},
        {"--response-cache",
         "keep answers in so much memory, and answer the same question again without computing it",
         "SIZE"},
        {"--shared-memory",
         "clients may pass tensors through this machine's shared memory (POSIX); on loopback only",
         ""},
        threads_option()};
    for (Option& option : served_models_options()) options.push_back(std::move(option));
    for (Option& option : observing_options()) options.push_back(std::move(option));
    for (Option& option : device_options()) options.push_back(std::move(option));
    return {
        "serve",
        "Serves models over the Open Inference Protocol (REST and gRPC) until SIGTERM, then "
        "drains",
        {{"FILE",
          "ONNX or TFLite models, or plans; NAME.ensemble.json declares a graph of the others",
          false, true}},
        std::move(options),
        {"holdfast serve model.onnx --listen 127.0.0.1:8080 --receipts receipts",
         "curl localhost:8080/v2/models/model",
         "curl -X POST localhost:8080/v2/repository/models/model/load",
         "holdfast serve --repository models --versions resnet=latest:2 --poll 5 --sleep-after 600",
         "holdfast serve model.onnx --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem "
         "--callers callers"},
        run};
}

}  // namespace hf::cli

#include "base/text.h"
#include "cli/commands.h"
#include "cli/request_headers.h"
#include "cli/top_table.h"
#include "cli/trust_roots.h"
#include "http/client.h"

namespace hf::cli {
namespace {

constexpr Duration kTimeout = std::chrono::seconds(5);
constexpr std::size_t kAnswerBytesMax = 64u << 20;
constexpr std::uint64_t kCaBytesMax = 1u << 20;
constexpr std::int64_t kIntervalMax = 3600;
constexpr std::size_t kRowsMax = 40;
constexpr std::string_view kClear = "\x1b[H\x1b[2J";  // ECMA-48: cursor home, erase the screen

// Looks at one server.
class Looker final {
public:
    static Result<Looker> create(World& world, const Arguments& arguments) {
        http::ClientOptions options;
        options.connect_timeout = kTimeout;
        options.read_timeout = kTimeout;
        options.body_bytes_max = kAnswerBytesMax;
        if (arguments.has("ca")) {
            options.ca_pem = HF_TRY(read_text_file(world, arguments.get("ca"), kCaBytesMax));
        }
        Looker looker(world);
        looker.url_ = arguments.get("URL").empty() ? "http://127.0.0.1:8080" : arguments.get("URL");
        while (looker.url_.ends_with('/')) looker.url_.pop_back();
        looker.headers_ = HF_TRY(read_headers(arguments));
        looker.client_ = HF_TRY(http::Client::create(std::move(options)));
        return looker;
    }

    const std::string& url() const { return url_; }

    Result<Scrape> look() {
        const std::string metrics = HF_TRY(fetch("/metrics"));
        const Duration at = world_.clock.monotonic();
        const std::string statistics = HF_TRY(fetch("/v2/models/stats"));
        return parse_scrape(metrics, statistics, at).context("{}", url_);
    }

private:
    explicit Looker(World& world) : world_(world) {}

    Result<std::string> fetch(std::string_view path) {
        http::ClientRequest request;
        request.url = url_ + std::string(path);
        request.headers = headers_;
        Result<http::Response> response = client_->send(request);
        // A connection that has waited may have ended meanwhile.
        if (response.status().code() == Code::kUnavailable) response = client_->send(request);
        if (!response.ok()) return response.status().context("is a server there?");
        if (response->status == 200) return std::string(as_text(response->body));
        const bool unknown = response->status == 401 || response->status == 403;
        return failed_precondition(
            "{}: HTTP status {}{}", request.url, response->status,
            unknown ? "; the server wants a caller that may observe: --header 'Authorization: "
                      "Bearer TOKEN'"
                    : "");
    }

    World& world_;
    std::string url_;
    http::Headers headers_;
    std::unique_ptr<http::Client> client_;
};

std::string heading(World& world, const std::string& url) {
    return fmt::format("{}  {}\n", url, format_rfc3339(world.clock.now()));
}

// Until a signal comes. A server that goes away is said, and looked for again.
void show_until_stopped(World& world, Looker& looker, Scrape before, Duration interval) {
    const std::string_view clear = world.is_terminal ? kClear : "";
    while (!world.wait_for_signal(interval)) {
        Result<Scrape> now = looker.look();
        const std::string head = heading(world, looker.url());
        if (!now.ok()) {
            world.out(fmt::format("{}{}{}\n", clear, head, now.status().to_string()));
            continue;
        }
        world.out(
            fmt::format("{}{}{}", clear, head, write_top(compare_scrapes(before, *now), kRowsMax)));
        before = std::move(*now);
    }
}

Status run(World& world, const Arguments& arguments) {
    const Duration interval =
        std::chrono::seconds(HF_TRY(arguments.integer("interval", 1, kIntervalMax)));
    Looker looker = HF_TRY(Looker::create(world, arguments));
    Scrape before = HF_TRY(looker.look());
    if (!arguments.flag("once") && !arguments.flag("json")) {
        show_until_stopped(world, looker, std::move(before), interval);
        return {};
    }
    if (world.wait_for_signal(interval)) return cancelled("stopped by a signal");
    const Scrape now = HF_TRY(looker.look());
    const std::vector<TopRow> rows = compare_scrapes(before, now);
    if (arguments.flag("json")) {
        world.out(json::write(top_to_json(rows, looker.url(), now.at - before.at)) + "\n");
    } else {
        world.out(write_top(rows, rows.size()));
    }
    return {};
}

}  // namespace

Command top_command() {
    return {"top",
            "Shows how the models of a server fare, live: requests, failures, times, memory",
            {{"URL", "where predictions are asked for; http://127.0.0.1:8080 unless given", false}},
            {{"--interval", "how long to look at a time", "SECONDS", "2"},
             {"--once", "one table of one interval, and end", ""},
             {"--json", "one interval as JSON, and end", ""},
             header_option(),
             {"--ca", "believed besides the system's authorities, in PEM", "FILE"}},
            {"holdfast top", "holdfast top http://127.0.0.1:8080 --once --interval 10",
             "holdfast top https://models.example --header 'Authorization: Bearer TOKEN' --json"},
            run};
}

}  // namespace hf::cli

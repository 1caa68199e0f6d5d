#include "serve/gateway/gateway.h"

namespace hf::serve::gateway {
namespace {

using View = Balancer::ServiceView;

// A label value with backslash and quote escaped; names have no control characters.
std::string escaped(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

struct Counter {
    std::string_view name;
    std::string_view help;
    std::uint64_t View::*value;
};

constexpr Counter kCounters[] = {
    {"requests", "Requests for a service.", &View::requests},
    {"retries", "Attempts after one that failed.", &View::retries},
    {"hedges", "Attempts besides one that was late.", &View::hedges},
    {"probes", "Requests that tried a replica whose ejection was over.", &View::probes},
    {"panics", "Requests sent to an ejected replica because all were.", &View::panics},
    {"ejections", "Times that a replica stopped being asked.", &View::ejections},
};

std::size_t count(const View& service, bool serving) {
    std::size_t number = 0;
    for (const Balancer::ReplicaView& replica : service.replicas) {
        const bool serves = replica.replica.ready && replica.health == Health::kServing;
        number += serves == serving ? 1 : 0;
    }
    return number;
}

}  // namespace

std::string Gateway::metrics() const {
    const std::vector<View> services = view();
    std::string text;
    for (const Counter& counter : kCounters) {
        const std::string name = fmt::format("holdfast_gateway_{}_total", counter.name);
        text += fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n", name, counter.help);
        for (const View& service : services) {
            text += fmt::format("{}{{service=\"{}\"}} {}\n", name, escaped(service.service),
                                service.*counter.value);
        }
    }
    text +=
        "# HELP holdfast_gateway_comparisons_total Answers held against the next version's.\n"
        "# TYPE holdfast_gateway_comparisons_total counter\n";
    for (const auto& [service, counts] : shadows_.counts()) {
        const auto row = [&text, &service = service](std::string_view outcome, std::uint64_t n) {
            text += fmt::format(
                "holdfast_gateway_comparisons_total{{service=\"{}\",outcome=\"{}\"}} {}\n",
                escaped(service), outcome, n);
        };
        row("agreed", counts.agreed);
        row("differed", counts.differed);
        row("unanswered", counts.unanswered);
        row("dropped", counts.dropped);
    }
    constexpr std::string_view kReplicas = "holdfast_gateway_replicas";
    text += fmt::format("# HELP {0} Replicas by whether requests go there.\n# TYPE {0} gauge\n",
                        kReplicas);
    for (const View& service : services) {
        for (const bool serving : {true, false}) {
            text += fmt::format("{}{{service=\"{}\",state=\"{}\"}} {}\n", kReplicas,
                                escaped(service.service), serving ? "serving" : "out",
                                count(service, serving));
        }
    }
    return text;
}

}  // namespace hf::serve::gateway

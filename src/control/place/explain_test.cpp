#include "control/place/explain.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <sstream>

#include "control/place/random_fleet_test.h"
#include "testing/script.h"

namespace hf::control::place {
namespace {

// Lines of a fleet: "site NAME JURISDICTION LATENCY_MS", "node NAME SITE KIND CPUS GPUS PRICE",
// "lost NAME", "runs SERVICE NODE [DEVICE]" and "service NAME REPLICAS CPUS GPU_MILLI
// [WORD=VALUE...]".
class Reader {
public:
    Status read(const std::string& text) {
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            std::string verb;
            words >> verb;
            HF_TRY(read(verb, words).context("'{}'", line));
        }
        return {};
    }

    const Fleet& fleet() const { return fleet_; }

private:
    Status read(const std::string& verb, std::istringstream& words) {
        if (verb == "site") {
            Site site;
            std::int64_t latency_ms = 0;
            words >> site.name >> site.jurisdiction >> latency_ms;
            if (site.jurisdiction == "-") site.jurisdiction.clear();
            site.latency = std::chrono::milliseconds(latency_ms);
            fleet_.sites.push_back(site);
        } else if (verb == "node") {
            Node node;
            words >> node.name >> node.site >> node.device_kind >> node.cpu_milli >> node.gpus >>
                node.price_micros;
            node.cpu_milli *= 1000;
            node.memory_mib = 65536;
            fleet_.nodes.push_back(node);
        } else if (verb == "lost") {
            std::string name;
            words >> name;
            for (Node& node : fleet_.nodes) node.ready = node.ready && node.name != name;
        } else if (verb == "runs") {
            Replica replica;
            words >> replica.service >> replica.node;
            for (int device = 0; words >> device;) replica.devices.push_back(device);
            fleet_.present.push_back(replica);
        } else if (verb == "service") {
            return read_service(words);
        } else {
            return invalid_argument("unknown verb {}", verb);
        }
        return {};
    }

    Status read_service(std::istringstream& words) {
        Service service;
        words >> service.name >> service.replicas >> service.demand.cpu_milli >>
            service.demand.gpu_milli;
        service.demand.cpu_milli *= 1000;
        service.demand.gpus = service.demand.gpu_milli > 0 ? 1 : 0;
        for (std::string word; words >> word;) {
            const std::string key = word.substr(0, word.find('='));
            const std::string value = word.substr(word.find('=') + 1);
            if (key == "allow") service.residency.allowed.push_back(value);
            if (key == "forbid") service.residency.forbidden.push_back(value);
            if (key == "kind") service.device_kinds.push_back(value);
            if (key == "pin") service.pinned.push_back(value);
            if (key == "per-node") service.node_max = std::stoll(value);
            if (key == "per-domain") service.domain_max = std::stoll(value);
            if (key == "latency") service.latency_max = HF_TRY(parse_duration(value));
            if (key == "upstream") service.upstream = value;
            if (key == "home") service.upstream_in_jurisdiction = value == "yes";
        }
        fleet_.services.push_back(service);
        return {};
    }

    Fleet fleet_;
};

Result<std::string> run(const testing::TextCommand& command) {
    Reader reader;
    HF_TRY(reader.read(command.input));
    const Plan result = HF_TRY(plan(reader.fleet()));
    const std::vector<CascadeLink> links = link_cascades(reader.fleet(), result);
    std::string text;
    for (const std::string& service : command.arguments) {
        text += HF_TRY(explain(result, links, service));
    }
    return text;
}

TEST(Explain, SaysWhyEachMachineWasTakenOrRefused) {
    testing::run_text_test("src/control/place/testdata/explain.txt",
                           [](const testing::TextCommand& command) {
                               const Result<std::string> text = run(command);
                               return text.ok() ? *text : text.status().to_string() + "\n";
                           });
}

// Whatever is drawn, a question never goes where the asking service's data may not lie.
TEST(Cascade, AsksOnlyWhereResidencyAllows) {
    Rng rng(testing::seed());
    int asked = 0, alone = 0, handed_on = 0;
    for (int round = 0; round < 2000; ++round) {
        Fleet fleet = random_fleet(rng, 2 + rng.below(8), 2 + rng.below(5));
        for (std::size_t i = 1; i < fleet.services.size(); ++i) {
            if (rng.below(2) == 0) continue;
            fleet.services[i].upstream = fleet.services[rng.below(i)].name;
            fleet.services[i].upstream_in_jurisdiction = rng.below(2) == 0;
        }
        const Plan result = *plan(fleet);
        std::map<std::string, std::string> jurisdiction, of_site;
        std::map<std::string, Service> services;
        for (const Site& site : fleet.sites) of_site[site.name] = site.jurisdiction;
        for (const Node& node : fleet.nodes) jurisdiction[node.name] = of_site[node.site];
        for (const Service& service : fleet.services) services[service.name] = service;
        const auto allows = [&](const CascadeLink& link, const std::string& node) {
            const Service& service = services[link.from.service];
            const std::string& there = jurisdiction[node];
            const auto has = [&](const std::vector<std::string>& list) {
                return std::find(list.begin(), list.end(), there) != list.end();
            };
            const Residency& rules = service.residency;
            if (has(rules.forbidden) || (!rules.allowed.empty() && !has(rules.allowed)))
                return false;
            if (!rules.forbidden.empty() && there.empty()) return false;
            return !service.upstream_in_jurisdiction ||
                   (!there.empty() && there == jurisdiction[link.from.node]);
        };
        const std::vector<CascadeLink> links = link_cascades(fleet, result);
        for (const CascadeLink& link : links) {
            if (!link.to.node.empty()) {
                ++asked;
                ASSERT_TRUE(allows(link, link.to.node)) << "round " << round;
                // Nor where the one who is asked hands it on to.
                for (const CascadeLink& next : links) {
                    const bool follows = next.from.service == link.to.service &&
                                         next.from.node == link.to.node && !next.to.node.empty();
                    if (!follows) continue;
                    ++handed_on;
                    ASSERT_TRUE(allows(link, next.to.node)) << "round " << round;
                }
                continue;
            }
            ++alone;
            ASSERT_NE(link.why, Refusal::kNone);
            for (const Replica& other : result.replicas()) {
                if (other.service != services[link.from.service].upstream) continue;
                if (!services[other.service].upstream.empty()) continue;  // it might hand it on
                ASSERT_FALSE(allows(link, other.node)) << "round " << round;
            }
        }
    }
    EXPECT_GT(asked, 100);
    EXPECT_GT(alone, 100);
    EXPECT_GT(handed_on, 0);
}

}  // namespace
}  // namespace hf::control::place

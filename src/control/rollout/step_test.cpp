#include "control/rollout/step.h"

#include <array>

#include <gtest/gtest.h>

#include "api/patch.h"
#include "api/yaml.h"
#include "base/text.h"
#include "control/rollout/world_test.h"
#include "testing/script.h"

namespace hf::control::rollout {
namespace {

std::string show(const Action& action) {
    if (action.kind == Action::Kind::kEvent) {
        return fmt::format("{} {}: {}\n", action.warning ? "warn" : "tell", action.reason,
                           action.message);
    }
    return fmt::format("{} {} {} [stage {}, order {}]\n",
                       action.kind == Action::Kind::kReturn ? "return" : "order", action.node,
                       action.digest, action.token.stage, action.token.attempt);
}

// Plays the commands of one text file.
class Script {
public:
    std::string run(const testing::TextCommand& command) {
        if (command.name == "spec") return change(command.input, true);
        if (command.name == "change") return change(command.input, false);
        if (command.name == "nodes") return add_nodes(command.arguments);
        if (command.name == "step") return step_words(command.arguments);
        if (command.name == "explain") return explain(world_.state);
        if (command.name == "metrics") return set_metrics(command.arguments);
        if (command.name == "agreement") {
            const json::Value state = to_json(world_.state);
            const json::Value* agreement = json::find(state, "agreement");
            return agreement ? json::write(*agreement) : "none";
        }
        if (command.name == "counts") {
            return json::write(*json::find(to_json(world_.state), "counts"));
        }
        if (command.name == "return") {  // of the node that was sent away
            world_.add(away_.name) = away_;
            return "";
        }
        if (command.name == "zone") {  // NAME RULE
            world_.observed.time_zones.emplace(command.arguments[0],
                                               TimeZone::parse_rule(command.arguments[1]).value());
            return "";
        }
        if (command.name == "node") return set_nodes(command.arguments);
        return "unknown command " + command.name;
    }

private:
    // "fresh" begins a new world.
    std::string change(const std::string& yaml, bool fresh) {
        const json::Value value = api::parse_yaml(yaml).value();
        if (fresh) {
            world_ = World();
            spec_ = json::Object();
            spec_.get_object()["service"] = "pump";
            spec_.get_object()["digest"] = "v2";
            spec_.get_object()["fromDigest"] = "v1";
        }
        api::merge_patch(spec_, value);
        Result<RolloutSpec> spec = spec_from(spec_);
        if (!spec.ok()) return spec.status().to_string();
        const Status good = check(*spec);
        EXPECT_EQ(spec_from(to_json(*spec)).value(), *spec) << "it reads back equal";
        world_.observed.spec = *std::move(spec);
        return good.ok() ? "" : good.to_string();
    }

    // "a b c tier=gold": nodes, and labels of all of them; "n*20" makes n00 to n19.
    std::string add_nodes(const std::vector<std::string>& words) {
        api::Labels labels;
        std::vector<std::string> names;
        for (const std::string& word : words) {
            const std::size_t equal = word.find('=');
            const std::size_t star = word.find('*');
            if (equal != std::string::npos) {
                labels[word.substr(0, equal)] = word.substr(equal + 1);
            } else if (star != std::string::npos) {
                for (int i = 0; i < std::stoi(word.substr(star + 1)); ++i) {
                    names.push_back(fmt::format("{}{:02}", word.substr(0, star), i));
                }
            } else {
                names.push_back(word);
            }
        }
        for (const std::string& name : names) world_.add(name).labels = labels;
        return "";
    }

    // "step [DURATION] [orders-lost|state-lost]"
    std::string step_words(const std::vector<std::string>& words) {
        bool orders_lost = false;
        bool state_lost = false;
        for (const std::string& word : words) {
            orders_lost |= word == "orders-lost";
            state_lost |= word == "state-lost";
            const Result<Duration> wait = parse_duration(word);
            if (wait.ok()) world_.now += *wait;
        }
        State state = world_.state;
        const Decision decision = world_.step_on(state);
        std::string text;
        for (const Action& action : decision.actions) {
            text += show(action);
            if (!orders_lost) world_.write(action);
        }
        text += explain(state) + "\n";
        if (!state_lost) world_.state = state;
        return text;
    }

    // "node a,b good", "node a failed it does not fit", "node * good": all under way.
    std::string set_nodes(const std::vector<std::string>& words) {
        std::string text;
        for (NodeState& node : std::vector<NodeState>(world_.observed.nodes)) {
            const bool under_way = node.token && node.answered != node.token->revision;
            bool named = words[0] == "*" && under_way;
            for (std::string_view name : split(words[0], ',')) named |= name == node.name;
            if (named) text += set_node(node.name, words);
        }
        return text;
    }

    std::string set_node(const std::string& name, const std::vector<std::string>& words) {
        NodeState& node = *world_.find(name);
        const std::string reason =
            join(std::vector<std::string>(words.begin() + 2, words.end()), " ");
        const std::string& what = words[1];
        if (what == "gone") {
            std::erase_if(world_.observed.nodes,
                          [&](const NodeState& n) { return n.name == name; });
        } else if (what == "away") {
            away_ = node;
            std::erase_if(world_.observed.nodes,
                          [&](const NodeState& n) { return n.name == name; });
        } else if (what == "unreachable") {
            node.unreachable_since = world_.now;
        } else if (what == "reachable") {
            node.unreachable_since.reset();
        } else if (what == "down" || what == "up") {
            node.available = what == "up";
        } else if (what == "wants") {
            node.wants = reason;
        } else {
            constexpr std::array kOutcomes{"none",   "working",    "good",   "passing",
                                           "failed", "rolledback", "waiting"};
            const auto at = std::find(kOutcomes.begin(), kOutcomes.end(), what);
            if (at == kOutcomes.end()) return "unknown outcome " + what;
            world_.report(node, static_cast<Outcome>(at - kOutcomes.begin()), reason);
        }
        return "";
    }

    // requests errors p99 compared agreed, of v2
    std::string set_metrics(const std::vector<std::string>& words) {
        const auto number = [&](std::size_t at) { return std::stoll(words[at]); };
        world_.observed.metrics["v2"] = {number(0), number(1), number(2), number(3), number(4)};
        return "";
    }

    World world_;
    NodeState away_;
    json::Value spec_;
};

void play(const std::string& name) {
    Script script;
    testing::run_text_test(
        "src/control/rollout/testdata/" + name,
        [&](const testing::TextCommand& command) { return script.run(command); });
}

TEST(Rollout, Stages) {
    play("stages.txt");
}
TEST(Rollout, Abort) {
    play("abort.txt");
}
TEST(Rollout, Agreement) {
    play("agreement.txt");
}
TEST(Rollout, People) {
    play("people.txt");
}
TEST(Rollout, Fleet) {
    play("fleet.txt");
}
TEST(Rollout, Crash) {
    play("crash.txt");
}
TEST(Rollout, Windows) {
    play("windows.txt");
}
TEST(Rollout, Limits) {
    play("limits.txt");
}

}  // namespace
}  // namespace hf::control::rollout

// A fleet that obeys a roll-out, for its tests: records and reports of nodes as plain values, and
// the shell's round (step.h) with the crashes that a shell can have. Not thread-safe.

#pragma once

#include <algorithm>

#include <gtest/gtest.h>

#include "control/rollout/step.h"

namespace hf::control::rollout {

class World {
public:
    Observed observed;
    State state;
    Instant now{};

    World() { observed.rollout = "r"; }

    // nullptr when there is no such node.
    NodeState* find(const std::string& name) {
        for (NodeState& node : observed.nodes) {
            if (node.name == name) return &node;
        }
        return nullptr;
    }

    NodeState& add(const std::string& name) {
        NodeState node;
        node.name = name;
        node.runs = observed.spec.from;
        node.wants = observed.spec.from;
        const auto at = std::lower_bound(
            observed.nodes.begin(), observed.nodes.end(), node,
            [](const NodeState& a, const NodeState& b) { return a.name < b.name; });
        return *observed.nodes.insert(at, std::move(node));
    }

    // Steps on a copy of the State that went through JSON, as it does when a shell reads it.
    Decision step_on(State& on) const {
        const Result<State> read = state_from(to_json(on));
        EXPECT_TRUE(read.ok()) << read.status().message();
        EXPECT_EQ(*read, on) << "what is written reads back equal";
        on = *read;
        Result<Decision> decision = step(on, observed, now);
        EXPECT_TRUE(decision.ok()) << decision.status().message();
        return std::move(decision).value();
    }

    // Puts an order on its record; not when a newer one of the same roll-out is there.
    void write(const Action& action) {
        NodeState* node = find(action.node);
        if (!node || action.kind == Action::Kind::kEvent) return;
        if (node->token && node->token->rollout == action.token.rollout &&
            node->token->revision >= action.token.revision) {
            return;
        }
        node->token = action.token;
        node->ordered_at = now;
        node->wants = action.digest;
    }

    // The node's word on the order on record.
    void report(NodeState& node, Outcome outcome, const std::string& reason = "") const {
        const bool was_good =
            node.token && node.answered == node.token->revision && node.outcome == Outcome::kGood;
        if (was_good && outcome != Outcome::kGood) node.good_until = now;
        node.answered = node.token ? node.token->revision : 0;
        node.outcome = outcome;
        node.reason = reason;
        if (outcome == Outcome::kGood) node.runs = node.wants;
    }
};

}  // namespace hf::control::rollout

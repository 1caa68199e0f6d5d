// A back end for tests: takes the operators it is told to, and runs them by the reference device.

#pragma once

#include <memory>
#include <set>
#include <string>

#include "runtime/ref/interpreter.h"
#include "runtime/split/backend.h"

namespace hf::runtime {

class FakeBackend final : public Backend {
public:
    // "Conv" is taken; "Conv!" is taken and its parts are declined.
    explicit FakeBackend(std::set<std::string> operators) : operators_(std::move(operators)) {}

    std::string_view name() const override { return "fake"; }
    bool needs_known_types() const override { return true; }

    Result<Refusals> refusals(const graph::Graph& graph) const override {
        Refusals refusals;
        for (const graph::Node& node : graph.nodes) {
            const bool taken = operators_.contains(node.op) || operators_.contains(node.op + "!");
            refusals.push_back(taken ? "" : "no " + node.op);
        }
        return refusals;
    }

    Result<Refusals> refusals_alone(const graph::Graph& part) const override {
        Refusals refusals;
        for (const graph::Node& node : part.nodes) {
            refusals.push_back(operators_.contains(node.op + "!") ? "it only said so" : "");
        }
        return refusals;
    }

    Result<std::shared_ptr<const CompiledModel>> compile(graph::Graph part) const override {
        for (const graph::Node& node : part.nodes) {
            if (operators_.contains(node.op + "!")) return unimplemented("it has {}", node.op);
        }
        return ref::compile_reference(std::move(part));
    }

private:
    std::set<std::string> operators_;
};

// Takes each node or not by a seed, and so cuts a graph anywhere.
class RandomBackend final : public Backend {
public:
    explicit RandomBackend(std::uint64_t seed) : seed_(seed) {}
    std::string_view name() const override { return "random"; }
    bool needs_known_types() const override { return false; }

    Result<Refusals> refusals(const graph::Graph& graph) const override {
        Rng rng(seed_);
        Refusals refusals;
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            refusals.push_back(rng.below(2) == 0 ? "" : "not now");
        }
        return refusals;
    }

    Result<std::shared_ptr<const CompiledModel>> compile(graph::Graph part) const override {
        return ref::compile_reference(std::move(part));
    }

private:
    std::uint64_t seed_;
};

}  // namespace hf::runtime

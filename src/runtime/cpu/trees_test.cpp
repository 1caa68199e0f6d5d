// Tree ensembles on the cpu device: the same bits as on the reference device, and plans whose nodes
// lead astray are refused.

#include <cstring>
#include <limits>

#include "kernels/trees.h"
#include "runtime/cpu/agreement_test.h"
#include "runtime/cpu/model.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

constexpr std::int64_t kFeatures = 5;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// What random ensembles are drawn from.
struct Kind {
    bool classifier = false;
    std::int64_t targets = 1;
    std::int64_t votes = 1;  // the most a leaf has
    bool all_modes = false;
    bool missing = false;
    std::string how = "SUM";
    std::string transform = "NONE";
    bool base = false;
    bool negative = true;  // weights
};

struct Attributes {
    std::vector<std::int64_t> trees, nodes, features, yes, no, missing;
    std::vector<float> values;
    std::vector<std::string> modes;
    std::vector<std::int64_t> vote_trees, vote_nodes, vote_targets;
    std::vector<float> vote_weights;
};

float threshold(Rng& rng) {
    constexpr float kSpecial[] = {0,
                                  -0.0f,
                                  1,
                                  -std::numeric_limits<float>::infinity(),
                                  std::numeric_limits<float>::infinity(),
                                  kNaN};
    if (rng.chance(1, 5)) return kSpecial[rng.below(std::size(kSpecial))];
    return static_cast<float>(static_cast<int>(rng.below(17)) - 8) / 4;
}

class Grower final {
public:
    Grower(const Kind& kind, Rng& rng) : kind_(kind), rng_(rng) {}

    // Node ids in the order in which they are written, so that a child may come before its parent.
    std::int64_t grow(std::int64_t tree, int depth) {
        static const std::vector<std::string> modes{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                                    "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
        const bool leaf = depth == 0 || rng_.chance(1, 6);
        std::int64_t yes = 0, no = 0;
        if (!leaf) {
            yes = grow(tree, depth - 1);
            no = rng_.chance(1, 20) ? yes : grow(tree, depth - 1);
        }
        std::int64_t node = 0;
        for (std::int64_t other : a.trees) node += other == tree;
        a.trees.push_back(tree);
        a.nodes.push_back(node);
        a.features.push_back(static_cast<std::int64_t>(rng_.below(kFeatures)));
        a.yes.push_back(yes);
        a.no.push_back(no);
        a.values.push_back(threshold(rng_));
        a.missing.push_back(kind_.missing && rng_.chance(1, 2));
        a.modes.push_back(leaf ? "LEAF" : modes[kind_.all_modes ? rng_.below(modes.size()) : 0]);
        if (leaf) add_votes(tree, node);
        return node;
    }

    Attributes a;

private:
    void add_votes(std::int64_t tree, std::int64_t node) {
        const auto most = static_cast<std::uint64_t>(kind_.votes);
        const std::uint64_t votes = most == 1 ? 1 : rng_.below(most + 1);
        for (std::uint64_t i = 0; i < votes; ++i) {
            a.vote_trees.push_back(tree);
            a.vote_nodes.push_back(node);
            a.vote_targets.push_back(
                static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(kind_.targets))));
            const double weight = rng_.uniform() - (kind_.negative ? 0.5 : 0);
            a.vote_weights.push_back(static_cast<float>(weight / 4));
        }
    }

    const Kind& kind_;
    Rng& rng_;
};

graph::Graph ensemble(const Kind& kind, std::int64_t rows, Rng& rng, std::int64_t trees) {
    Grower grower(kind, rng);
    for (std::int64_t tree = 0; tree < trees; ++tree) grower.grow(tree, 5);
    const Attributes& a = grower.a;
    graph::Graph graph;
    graph.inputs = {testing_cpu::add_value(graph, "x", DType::kF32, {rows, kFeatures})};
    const std::string prefix = kind.classifier ? "class_" : "target_";
    graph::Node node{"t",
                     "ai.onnx.ml",
                     kind.classifier ? "TreeEnsembleClassifier" : "TreeEnsembleRegressor",
                     3,
                     graph.inputs,
                     {},
                     {{"nodes_treeids", a.trees},
                      {"nodes_nodeids", a.nodes},
                      {"nodes_featureids", a.features},
                      {"nodes_truenodeids", a.yes},
                      {"nodes_falsenodeids", a.no},
                      {"nodes_missing_value_tracks_true", a.missing},
                      {"nodes_values", a.values},
                      {"nodes_modes", a.modes},
                      {prefix + "treeids", a.vote_trees},
                      {prefix + "nodeids", a.vote_nodes},
                      {prefix + "ids", a.vote_targets},
                      {prefix + "weights", a.vote_weights},
                      {"post_transform", kind.transform}}};
    if (kind.base) {
        node.attributes["base_values"] =
            std::vector<float>(static_cast<std::size_t>(kind.targets), 0.125f);
    }
    const auto scores = testing_cpu::add_value(graph, "scores", DType::kF32, {rows, kind.targets});
    if (kind.classifier) {
        std::vector<std::int64_t> labels;
        for (std::int64_t i = 0; i < kind.targets; ++i) labels.push_back(10 - 3 * i);
        node.attributes["classlabels_int64s"] = labels;
        node.outputs = {testing_cpu::add_value(graph, "labels", DType::kI64, {rows})};
    } else {
        node.attributes["n_targets"] = kind.targets;
        node.attributes["aggregate_function"] = kind.how;
    }
    node.outputs.push_back(scores);
    graph.outputs = node.outputs;
    graph.nodes = {std::move(node)};
    return graph;
}

Tensor samples(std::int64_t rows, Rng& rng) {
    Tensor x(DType::kF32, {rows, kFeatures});
    for (float& value : x.mutable_values<float>()) value = threshold(rng);
    return x;
}

class TreeKinds : public ::testing::TestWithParam<Kind> {};

TEST_P(TreeKinds, GiveTheBitsOfTheReferenceDevice) {
    Rng rng(testing::seed());
    for (const std::int64_t rows : {1, 3, 8, 13, 130}) {
        for (const std::int64_t trees : {1, 7, 20}) {
            const graph::Graph graph = ensemble(GetParam(), rows, rng, trees);
            EXPECT_EQ(testing_cpu::kernels_of(graph), std::vector<std::string>{"scalar.trees_f32"});
            testing_cpu::expect_agreement(graph, {samples(rows, rng)}, 0);
            if (HasFatalFailure()) return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    CpuDevice, TreeKinds,
    ::testing::Values(
        Kind{}, Kind{.missing = true}, Kind{.all_modes = true},
        Kind{.votes = 3, .all_modes = true, .missing = true, .base = true},
        Kind{.targets = 3, .votes = 2, .how = "AVERAGE", .base = true},
        Kind{.targets = 2, .votes = 2, .how = "MIN", .base = true},
        Kind{.how = "MAX", .transform = "LOGISTIC"},
        Kind{.targets = 3, .votes = 3, .transform = "SOFTMAX"},
        Kind{.classifier = true, .targets = 3, .votes = 2, .transform = "SOFTMAX"},
        Kind{.classifier = true, .targets = 2, .votes = 2, .base = true},
        Kind{.classifier = true, .targets = 4, .transform = "SOFTMAX_ZERO"},
        Kind{.classifier = true, .targets = 3, .transform = "LOGISTIC", .base = true}));

// Leaves that weigh only the second of two classes.
TEST(Trees, OneClassOfTwo) {
    Rng rng(testing::seed());
    for (const bool negative : {false, true}) {
        for (const char* transform : {"NONE", "LOGISTIC"}) {
            Kind kind{.classifier = true, .targets = 2, .transform = transform};
            kind.negative = negative;
            graph::Graph graph = ensemble(kind, 9, rng, 5);
            const auto& ids =
                std::get<std::vector<std::int64_t>>(graph.nodes[0].attributes.at("class_ids"));
            graph.nodes[0].attributes["class_ids"] = std::vector<std::int64_t>(ids.size(), 1);
            for (const bool base : {false, true}) {
                if (base) graph.nodes[0].attributes["base_values"] = std::vector<float>{0.25f};
                testing_cpu::expect_agreement(graph, {samples(9, rng)}, 0);
            }
        }
    }
}

// Hostile numbers in the weights, behind digests that fit.
TEST(Trees, NodesThatLeadAstrayAreRefused) {
    Rng rng(testing::seed());
    const Kind kind{.targets = 2, .votes = 2};
    const auto model = testing_cpu::compile_on(ensemble(kind, 2, rng, 4), "cpu");
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    const cpu::Plan& plan = static_cast<const cpu::CpuModel&>(**model).plan();
    const cpu::Operation& trees = plan.operations[0];
    const std::size_t nodes_at = trees.inputs[1].offset, votes_at = trees.inputs[3].offset;
    const std::size_t roots_at = trees.inputs[4].offset;
    const std::size_t nodes = trees.inputs[1].size_bytes() / sizeof(kernels::TreeNode);
    std::size_t leaf = nodes_at;
    while (load_le<std::uint32_t>(plan.weights.data() + leaf + 12) % 2) leaf += 16;
    const struct {
        std::size_t at;
        std::uint32_t value;
        const char* message;
    } changes[] = {{nodes_at + 4, 5, "feature 5 of 5"},
                   {nodes_at + 8, 0, "node 0 of"},
                   {nodes_at + 8, static_cast<std::uint32_t>(nodes - 1), "leads to"},
                   {nodes_at + 8, 0xFFFFFFFF, "leads to 4294967295"},
                   {leaf, 0xFFFFFFF0, "votes beyond"},
                   {leaf + 8, static_cast<std::uint32_t>(nodes), "leads to"},
                   {leaf + 12, 0xFFFFFFFC, "votes beyond"},
                   {votes_at, 2, "vote 0 is for target 2 of 2"},
                   {roots_at, static_cast<std::uint32_t>(nodes), "root"}};
    for (const auto& change : changes) {
        Bytes weights(plan.weights.begin(), plan.weights.end());
        std::memcpy(weights.data() + change.at, &change.value, sizeof change.value);
        cpu::Plan hostile = plan;
        hostile.weights = weights;
        const Status status = cpu::make_steps(hostile).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << change.message;
        EXPECT_NE(status.message().find(change.message), std::string::npos) << status.to_string();
    }
    EXPECT_TRUE(cpu::make_steps(plan).ok());
}

}  // namespace
}  // namespace hf::runtime

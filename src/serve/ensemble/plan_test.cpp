#include "serve/ensemble/plan.h"

#include <gtest/gtest.h>

namespace hf::serve::ensemble {
namespace {

constexpr std::int64_t kOpen = Shape::kUnknown;

Member classifier(Shape input, Shape output) {
    Member member;
    member.signature = {{{"x", DType::kF32, std::move(input)}},
                        {{"y", DType::kF32, std::move(output)}}};
    member.rows_apart = true;
    return member;
}

Members members() {
    Members members;
    members["small"] = classifier({kOpen, 4}, {kOpen, 3});
    members["large"] = classifier({kOpen, 4}, {kOpen, 3});
    members["one"] = classifier({1, 4}, {1, 3});
    members["wide"] = classifier({kOpen, 5}, {kOpen, 3});
    members["joint"] = classifier({kOpen, 4}, {kOpen, 3});
    members["joint"].rows_apart = false;
    members["state"] = classifier({kOpen, 4}, {kOpen, 3});
    members["state"].keeps_state = true;
    Member mean;
    const runtime::Port scores{"", DType::kF32, {kOpen, 3}};
    mean.signature = {{scores, scores}, {scores}};
    mean.signature.inputs[0].name = "a";
    mean.signature.inputs[1].name = "b";
    mean.signature.outputs[0].name = "mean";
    mean.rows_apart = true;
    members["mean"] = mean;
    return members;
}

Result<Plan> plan_of(std::string_view steps, std::string_view outputs = R"({"y": "y"})",
                     std::string_view inputs = R"(["x"])") {
    const Result<Declaration> declaration = Declaration::parse(
        fmt::format(R"({{"inputs": {}, "steps": [{}], "outputs": {}}})", inputs, steps, outputs));
    if (!declaration.ok()) return declaration.status();
    return make_plan(*declaration, members());
}

std::string refusal(std::string_view steps, std::string_view outputs = R"({"y": "y"})",
                    std::string_view inputs = R"(["x"])") {
    const Result<Plan> plan = plan_of(steps, outputs, inputs);
    return std::string(plan.ok() ? "it was accepted" : plan.status().message());
}

std::string step(std::string_view model, std::string_view reads, std::string_view makes,
                 std::string_view when = "") {
    return fmt::format(R"({{"model": "{}", "inputs": {{"x": "{}"}}, "outputs": {{"y": "{}"}}{}}})",
                       model, reads, makes, when);
}

constexpr std::string_view kMean =
    R"({"model": "mean", "inputs": {"a": "p", "b": "q"}, "outputs": {"mean": "y"}})";
constexpr std::string_view kUnsure = R"(, "when": {"value": "p", "confidence_below": 0.9})";

TEST(EnsemblePlan, PutsStepsBehindThoseTheyReadFrom) {
    const Result<Plan> plan =
        plan_of(std::string(kMean) + "," + step("small", "x", "p") + "," + step("large", "x", "q"));
    ASSERT_TRUE(plan.ok()) << plan.status().to_string();
    ASSERT_EQ(plan->steps.size(), 3u);
    EXPECT_EQ(plan->steps[0].model, "small");
    EXPECT_EQ(plan->steps[1].model, "large");
    EXPECT_EQ(plan->steps[2].model, "mean");
    EXPECT_EQ(plan->steps[2].declared, 0u);
    EXPECT_EQ(plan->steps[2].level, 1u);
    EXPECT_EQ(plan->width, 2u);
    EXPECT_EQ(plan->runs, 3u);
    EXPECT_EQ(plan->depth, 1u);
}

TEST(EnsemblePlan, TakesTypesFromWhoReadsAndMakes) {
    const Result<Plan> plan = plan_of(step("small", "x", "p") + "," + step("one", "x", "q"),
                                      R"({"first": "p", "both": ["p", "q"]})");
    ASSERT_TRUE(plan.ok()) << plan.status().to_string();
    ASSERT_EQ(plan->signature.inputs.size(), 1u);
    EXPECT_EQ(plan->signature.inputs[0].shape, (Shape{1, 4}));
    EXPECT_EQ(plan->signature.outputs[0].shape, (Shape{kOpen, 3}));
    EXPECT_EQ(plan->signature.outputs[1].name, "both");
    EXPECT_EQ(plan->signature.outputs[1].shape, (Shape{kOpen, 3}));
}

TEST(EnsemblePlan, TypesThatDoNotFitAreRefusedWithTheirPlace) {
    EXPECT_EQ(
        refusal(step("small", "x", "y") + "," + step("wide", "x", "z"), R"({"y": "y", "z": "z"})"),
        "/steps/1/inputs/x: the model wants FP32 [?x5], and 'x' is FP32 [?x4]");
    EXPECT_EQ(refusal(step("small", "x", "p") + "," + step("large", "p", "y")),
              "/steps/1/inputs/x: the model wants FP32 [?x4], and 'p' is FP32 [?x3]");
    EXPECT_EQ(refusal(step("small", "x", "y"), R"({"y": "y"})",
                      R"([{"name": "x", "datatype": "INT64"}])"),
              "/steps/0/inputs/x: the model wants FP32 [?x4], and 'x' is INT64 [?x4]");
    EXPECT_EQ(refusal(step("small", "x", "y"), R"({"y": ["y", "x"]})"),
              "it was accepted");  // of one rank and type; the last extent is open then
    EXPECT_EQ(refusal(step("small", "x", "y"), R"({"y": "y", "z": "z"})", R"(["x", "z"])"),
              "/inputs/1: no step reads 'z', so that its datatype and shape must be said");
}

TEST(EnsemblePlan, EveryValueIsMadeOnceAndRead) {
    EXPECT_EQ(
        refusal(step("small", "x", "y") + "," + step("large", "x", "y")),
        "/steps/1/outputs/y: 'y' is made at /steps/0/outputs/y already; a value is made once");
    EXPECT_EQ(refusal(step("small", "x", "x")),
              "/steps/0/outputs/y: 'x' is made at /inputs/0 already; a value is made once");
    EXPECT_EQ(refusal(step("small", "x", "y") + "," + step("large", "x", "z")),
              "/steps/1/outputs/y: no step and no output reads 'z'; leave it out");
    EXPECT_EQ(refusal(step("small", "x", "y"), R"({"y": "y"})", R"(["x", "z"])"),
              "/inputs/1: no step and no output reads 'z'; leave it out");
    EXPECT_EQ(refusal(step("small", "z", "y")),
              "/steps/0/inputs/x: 'z' is neither an input nor made by a step, did you mean 'y'?");
}

TEST(EnsemblePlan, StepsThatWaitForThemselvesOrForNothingAreRefused) {
    const std::string circle =
        R"({"model": "mean", "inputs": {"a": "p", "b": "q"}, "outputs": {"mean": "q"}})";
    EXPECT_EQ(refusal(step("small", "x", "p") + "," + circle + "," + step("large", "x", "y"),
                      R"({"y": "y", "q": "q"})"),
              "/steps/1: reads what comes of itself, or of others that wait for one another so");
    const std::string idle =
        R"({"model": "mean", "inputs": {"a": "p", "b": "r"}, "outputs": {"mean": "q"}},)"
        R"({"model": "mean", "inputs": {"a": "p", "b": "q"}, "outputs": {"mean": "r"}})";
    EXPECT_EQ(refusal(step("small", "x", "p") + "," + idle, R"({"p": "p"})"),
              "/steps/1: no output comes of it; leave it out");
}

TEST(EnsemblePlan, ModelsAndPortsMustBeThere) {
    EXPECT_EQ(refusal(step("smal", "x", "y")),
              "/steps/0/model: no model 'smal' is served here, did you mean 'small'?");
    EXPECT_NE(refusal(step("state", "x", "y")).find("/steps/0/model: 'state' keeps state"),
              std::string::npos);
    EXPECT_EQ(refusal(R"({"model": "mean", "inputs": {"a": "x"}, "outputs": {"mean": "y"}})"),
              "/steps/0/inputs: the input 'b' of 'mean' is missing");
    EXPECT_NE(refusal(R"({"model": "mean", "inputs": {"c": "x"}, "outputs": {"mean": "y"}})")
                  .find("/steps/0/inputs/c: the model has no 'c'"),
              std::string::npos);
    EXPECT_NE(refusal(R"({"model": "small", "inputs": {"x": "x"}, "outputs": {"z": "y"}})")
                  .find("/steps/0/outputs/z: the model has no 'z'"),
              std::string::npos);
}

TEST(EnsemblePlan, AConditionIsByRowWhereRowsAreOpen) {
    const std::string both = R"({"y": ["q", "p"]})";
    const Result<Plan> rows =
        plan_of(step("small", "x", "p") + "," + step("large", "x", "q", kUnsure), both);
    ASSERT_TRUE(rows.ok()) << rows.status().to_string();
    EXPECT_TRUE(rows->steps[1].by_row);
    const Result<Plan> whole =
        plan_of(step("one", "x", "p") + "," + step("one", "x", "q", kUnsure), both);
    ASSERT_TRUE(whole.ok()) << whole.status().to_string();
    EXPECT_FALSE(whole->steps[1].by_row);
    EXPECT_NE(refusal(step("small", "x", "p") + "," + step("joint", "x", "q", kUnsure), both)
                  .find("'joint' does not answer a row in a batch as it would alone"),
              std::string::npos);
    EXPECT_EQ(refusal(step("small", "x", "p") + "," +
                          step("joint", "x", "q",
                               R"(, "when": {"value": "p", "confidence_below": 1,)"
                               R"( "by": "request"})"),
                      both),
              "it was accepted");
    EXPECT_NE(refusal(step("one", "x", "p") + "," +
                          step("one", "x", "q",
                               R"(, "when": {"value": "p", "confidence_below": 1, "by": "row"})"),
                      both)
                  .find("/steps/1/when/by: the first extent"),
              std::string::npos);
    EXPECT_NE(refusal(step("small", "x", "p") + "," +
                          step("large", "x", "q",
                               R"(, "when": {"value": "p", "measure": "value",)"
                               R"( "confidence_below": 1})"),
                      both)
                  .find("/steps/1/when: value is of one value in a row"),
              std::string::npos);
}

TEST(EnsemblePlan, AnOutputIsThereWhateverTheConditionsSay) {
    const std::string steps = step("small", "x", "p") + "," + step("large", "x", "q", kUnsure);
    EXPECT_NE(refusal(steps, R"({"y": "q"})").find("/outputs/y: it may be that 'q' is not"),
              std::string::npos);
    const std::string routed =
        step("small", "x", "p") + "," + step("large", "x", "q", kUnsure) + "," +
        step("large", "x", "r", R"(, "when": {"value": "p", "confidence_at_least": 0.9})");
    EXPECT_EQ(refusal(routed, R"({"y": ["q", "r"]})"), "it was accepted");
    EXPECT_NE(refusal(routed, R"({"y": ["q", "r"], "z": "r"})").find("/outputs/z"),
              std::string::npos);
    // What reads one that may be missing is itself conditional.
    const std::string after =
        R"({"model": "mean", "inputs": {"a": "p", "b": "q"}, "outputs": {"mean": "m"}})";
    EXPECT_NE(refusal(steps + "," + after, R"({"y": "m"})").find("/outputs/y"), std::string::npos);
    EXPECT_EQ(refusal(steps + "," + after, R"({"y": ["m", "p"]})"), "it was accepted");
}

TEST(EnsemblePlan, DepthAndRunsAreBounded) {
    const auto with = [](std::size_t depth, std::size_t runs) {
        Members all = members();
        all["small"].depth = depth;
        all["small"].runs = runs;
        const auto declaration = Declaration::parse(
            R"({"inputs": ["x"], "steps": [{"model": "small", "inputs": {"x": "x"},)"
            R"( "outputs": {"y": "y"}}], "outputs": {"y": "y"}})");
        return make_plan(*declaration, all).status().code();
    };
    EXPECT_EQ(with(kDepthMax - 1, kRunsMax), Code::kOk);
    EXPECT_EQ(with(kDepthMax, 1), Code::kResourceExhausted);
    EXPECT_EQ(with(0, kRunsMax + 1), Code::kResourceExhausted);
}

}  // namespace
}  // namespace hf::serve::ensemble

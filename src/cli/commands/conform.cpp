#include "runtime/conform.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/model_file.h"

namespace hf::cli {
namespace {

using Verdict = runtime::ConformCase::Verdict;

std::string_view verdict_name(Verdict verdict) {
    switch (verdict) {
        case Verdict::kPassed: return "passed";
        case Verdict::kFailed: return "failed";
        case Verdict::kSkipped: return "skipped";
    }
    return "failed";
}

json::Object to_json(const runtime::ConformReport& report) {
    json::Array cases;
    for (const runtime::ConformCase& one : report.cases) {
        cases.push_back({{"name", one.name},
                         {"result", std::string(verdict_name(one.verdict))},
                         {"reason", one.reason}});
    }
    return {{"passed", report.count(Verdict::kPassed)},
            {"failed", report.count(Verdict::kFailed)},
            {"skipped", report.count(Verdict::kSkipped)},
            {"cases", std::move(cases)}};
}

Status run(World& world, const Arguments& arguments) {
    const runtime::CompileOptions options = HF_TRY(compile_options(world, arguments));
    const runtime::Compiler compiler = [&](graph::Graph graph) {
        return runtime::compile(std::move(graph), options, nullptr);
    };
    const runtime::ConformReport report = HF_TRY(runtime::run_conformance(
        world.files, arguments.get("DIR"), arguments.get("filter"), compiler));
    if (arguments.flag("json")) {
        world.out(json::write(to_json(report)) + "\n");
        return {};
    }
    for (const runtime::ConformCase& one : report.cases) {
        if (one.verdict != Verdict::kPassed) {
            world.out(
                fmt::format("{:8} {}: {}\n", verdict_name(one.verdict), one.name, one.reason));
        }
    }
    world.out(fmt::format("{} passed, {} failed, {} skipped\n", report.count(Verdict::kPassed),
                          report.count(Verdict::kFailed), report.count(Verdict::kSkipped)));
    return {};
}

}  // namespace

Command conform_onnx_command() {
    std::vector<Option> options = device_options();
    options.push_back({"--filter", "only cases whose name contains this", "TEXT"});
    options.push_back({"--json", "as JSON", ""});
    return {"conform onnx",
            "Runs a folder of ONNX backend cases by their official pass rule",
            {{"DIR", "the folder of cases"}},
            std::move(options),
            {"holdfast conform onnx cases/ --filter node/test_conv"},
            run};
}

}  // namespace hf::cli

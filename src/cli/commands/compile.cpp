#include "cli/commands.h"
#include "cli/model_file.h"
#include "cli/runner_file.h"
#include "runtime/executable.h"
#include "runtime/plan_file.h"

namespace hf::cli {
namespace {

// Without a plan: what compiling would do.
void show_report(World& world, const Arguments& arguments, const LoadedModel& loaded) {
    json::Object out = describe_report(loaded.report);
    out["compileMs"] = loaded.load_ms;
    world.out(arguments.flag("json") ? json::write(out) + "\n" : format_report(loaded.report));
}

// With --executable, a program that holds the plan.
Status write_result(World& world, const Arguments& arguments, const runtime::CompiledModel& model,
                    Bytes& bytes) {
    if (!arguments.has("executable")) return world.files.write(arguments.get("output"), bytes);
    const std::string runner = arguments.get("runner");
    const Bytes program = HF_TRY(runner.empty() ? read_runner(world, model)
                                                : world.files.read(runner, kMaxRunnerBytes));
    bytes = runtime::make_executable(program, bytes);
    return world.files.write(arguments.get("executable"), bytes, env::Access::kExecutable);
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("FILE");
    const bool program = arguments.has("executable");
    const std::string to = arguments.get(program ? "executable" : "output");
    if (program && arguments.has("output")) {
        return invalid_argument("give --output for a plan or --executable for a program, not both");
    }
    if (!program && arguments.has("runner")) return invalid_argument("--runner: no --executable");
    if (to.empty() && !arguments.flag("report")) {
        return invalid_argument("say where the plan goes, with --output, or ask for a --report");
    }
    const LoadedModel loaded = HF_TRY(load_model(world, path, arguments));
    if (to.empty()) {
        show_report(world, arguments, loaded);
        return {};
    }
    Result<Bytes> plan = runtime::write_plan(*loaded.model);
    if (!plan.ok() && !loaded.report.device_refusal.empty()) {
        return plan.status().context("{}: {}", path, loaded.report.device_refusal);
    }
    Bytes bytes = HF_TRY(std::move(plan).context("{}", path));
    HF_TRY(write_result(world, arguments, *loaded.model, bytes));
    if (arguments.flag("json")) {
        json::Object out = describe_report(loaded.report);
        out[program ? "executable" : "plan"] = to;
        out[program ? "executableBytes" : "planBytes"] = bytes.size();
        out["compileMs"] = loaded.load_ms;
        world.out(json::write(out) + "\n");
        return {};
    }
    if (arguments.flag("report")) world.out(format_report(loaded.report));
    std::size_t by_reference = 0;
    for (const auto& row : loaded.report.nodes) by_reference += row.kernel.starts_with("ref.");
    world.out(fmt::format("{}: {} bytes, {} of {} nodes by vector kernels, {:.1f} ms\n", to,
                          bytes.size(), loaded.report.nodes.size() - by_reference,
                          loaded.report.nodes.size(), loaded.load_ms));
    return {};
}

}  // namespace

Command compile_command() {
    std::vector<Option> options{
        {"-o,--output", "where the plan goes; without it, --report only reports", "OUT.plan"},
        {"--executable",
         "instead of a plan, a program for this kind of processor that runs the model and needs "
         "nothing else",
         "OUT"},
        {"--runner", "with --executable: the program to put the plan behind", "FILE"},
        {"--report", "say which device and kernel each node got, and why", ""}};
    for (Option& option : device_options()) options.push_back(std::move(option));
    options.push_back({"--json", "the report as JSON", ""});
    return {"compile",
            "Makes a plan: a model ready to run from its file, without parsing or packing",
            {{"FILE", "an ONNX or TFLite model"}},
            std::move(options),
            {"holdfast compile model.tflite -o model.plan --report",
             "holdfast run model.plan --input x=random",
             "holdfast compile model.tflite --executable model && ./model --input image.npy",
             "holdfast compile model.onnx --report --device plugin:./libexample_device.so"},
            run};
}

}  // namespace hf::cli

// Model files as commands take them: a plan, or an ONNX or TFLite model that is imported and
// compiled.

#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/data_beside.h"
#include "graph/graph.h"
#include "runtime/compile.h"
#include "runtime/crew.h"
#include "runtime/plan_file.h"

namespace hf::cli {

// The options that every command with a device shares: --device, --op-device, --math,
// --max-rounding, --disable-pass, --disable-kernel, --prefer-kernel.
std::vector<Option> device_options();
Result<runtime::CompileOptions> compile_options(World& world, const Arguments& arguments);

// Maps and imports FILE; external data is read only from the file's own folder, without links.
Result<graph::Graph> load_graph(World& world, const std::string& path);

struct LoadedModel {
    std::shared_ptr<const runtime::CompiledModel> model;
    runtime::CompileReport report;
    double load_ms = 0;           // reading, importing and compiling
    std::size_t own_outputs = 0;  // behind them comes the layer that was exposed
};

// A file that stays the same while it is mapped, whatever its name comes to stand for.
struct ModelFile {
    std::string path;
    std::shared_ptr<env::MappedFile> file;

    // A value of the model's graph, or the node that makes it, which becomes its last output where
    // it is none yet. Empty: none. A plan has no such values.
    std::string layer = {};

    // Of an ONNX model, where it is to be known which weights these are: the files that it names,
    // which every load of it reads. Null: read without digests.
    std::shared_ptr<DataBeside> data = {};
};
Result<ModelFile> map_model(World& world, const std::string& path);

// What receipts call it (trust/model_digest.h). Of a file that is no ONNX model, that file's.
Result<Digest> digest_of_model(World& world, const std::string& path);

// `kernels`: of a plan. The other kernels that --disable-kernel may name are chosen when a plan is
// made.
Result<LoadedModel> load_model(World& world, const std::string& path, const Arguments& arguments,
                               runtime::PlanKernels kernels = runtime::PlanKernels::kAsPlanned);
Result<LoadedModel> load_model(World& world, const ModelFile& file, const Arguments& arguments,
                               runtime::PlanKernels kernels = runtime::PlanKernels::kAsPlanned);

// --threads, of every command that runs a model: how many compute one inference. 0 stands for the
// machine's cores, and more than those for as many. Null: one.
Option threads_option();
Result<std::shared_ptr<runtime::Crew>> make_crew(World& world, const Arguments& arguments);

// The compile report for --json and for people.
json::Object describe_report(const runtime::CompileReport& report);
std::string format_report(const runtime::CompileReport& report);

// An option's share: "0.5%" or "0.005".
Result<double> share_option(const Arguments& arguments, const std::string& name);

// An option's count of seconds, above 0 and at most an hour.
Result<Duration> seconds_option(const Arguments& arguments, const std::string& name);

// "f32[1x3x224x224]".
std::string describe_port(const runtime::Port& port);

}  // namespace hf::cli

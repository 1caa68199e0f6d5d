#include "cli/model_file.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "cli/back_ends.h"
#include "crypto/hash.h"
#include "graph/load.h"
#include "trust/model_digest.h"

namespace hf::cli {
namespace {

Status expose(graph::Graph& graph, const std::string& layer) {
    std::optional<graph::ValueId> found = graph.find_value(layer);
    std::vector<std::string> names;
    for (const graph::Node& node : graph.nodes) {
        for (const graph::ValueId id : node.outputs) {
            if (id == graph::kNoValue) continue;
            names.push_back(graph.value(id).name);
            if (!found && node.name == layer) found = id;
        }
    }
    if (!found) {
        return invalid_argument("the model has no layer '{}'{}", layer,
                                suggestion(layer, names, "layers"));
    }
    for (const graph::ValueId id : graph.outputs) {
        if (id == *found) return {};
    }
    if (graph.value(*found).constant) {
        return invalid_argument("'{}' is a constant of the model, and no layer", layer);
    }
    graph.outputs.push_back(*found);
    return {};
}

double milliseconds_since(World& world, Duration start) {
    return std::chrono::duration<double, std::milli>(world.clock.monotonic() - start).count();
}

// "x=1x3x224x224"; the name may have signs of its own.
Result<std::pair<std::string, Shape>> parse_input_shape(const std::string& text) {
    const std::size_t sign = text.rfind('=');
    if (sign == std::string::npos || sign == 0) {
        return invalid_argument("--shape {}: want INPUT=SHAPE, as in x=1x3x224x224", text);
    }
    std::vector<std::int64_t> extents;
    for (const std::string_view part : split(std::string_view(text).substr(sign + 1), 'x')) {
        const Result<std::int64_t> extent = parse_int(part);
        if (!extent.ok()) {
            return invalid_argument(
                "--shape {}: '{}' is no extent; want INPUT=SHAPE, as in "
                "x=1x3x224x224",
                text, part);
        }
        extents.push_back(*extent);
    }
    Shape shape(std::move(extents));
    HF_TRY(shape.check().context("--shape {}", text));
    return std::pair(text.substr(0, sign), std::move(shape));
}

Result<runtime::Math> math_option(const Arguments& arguments) {
    const std::string name = arguments.get("math");
    if (name == "f32") return runtime::Math::kF32;
    if (name == "bf16") return runtime::Math::kBf16;
    return invalid_argument("--math: there is no '{}'; want f32 or bf16", name);
}

}  // namespace

std::vector<Option> device_options() {
    return {
        {"--device",
         "ref (the reference), cpu, auto: cpu where it can; onnxruntime, or plugin:PATH of a "
         "vendor's library, with auto for what it refuses",
         "DEVICE", "auto"},
        {"--op-device",
         "give this operator to onnxruntime or plugin:PATH, and the rest to --device", "OP=DEVICE",
         "", true},
        {"--shape", "fix the open extents of this input: \"x=1x3x224x224\"", "INPUT=SHAPE", "",
         true},
        {"--math",
         "of fp32 convolutions and products: f32, or bf16: rounded to bfloat16, summed in fp32",
         "MATH", "f32"},
        {"--max-rounding",
         "with --math bf16: how much outputs may change, else the model stays in fp32", "P%", "2%"},
        {"--disable-pass", "leave this graph pass out; 'all' leaves out every one", "NAME", "",
         true},
        {"--disable-kernel",
         "compile without this kernel, or without a family of them, such as 'onednn'", "NAME", "",
         true},
        {"--prefer-kernel",
         "compile with this kernel, or this family, wherever it can be, faster or not", "NAME", "",
         true}};
}

Result<runtime::CompileOptions> compile_options(World& world, const Arguments& arguments) {
    runtime::CompileOptions options;
    options.clock = &world.clock;
    HF_TRY(choose_devices(world, arguments, options));
    for (const std::string& text : arguments.all("shape")) {
        options.input_shapes.push_back(HF_TRY(parse_input_shape(text)));
    }
    options.math = HF_TRY(math_option(arguments));
    options.max_rounding = HF_TRY(share_option(arguments, "max-rounding"));
    options.disabled_passes = arguments.all("disable-pass");
    options.disabled_kernels = arguments.all("disable-kernel");
    options.preferred_kernels = arguments.all("prefer-kernel");
    return options;
}

Result<graph::Graph> load_graph(World& world, const std::string& path) {
    std::unique_ptr<env::MappedFile> file = HF_TRY(world.files.map(path, false));
    DataBeside data(world.files, path, DataBeside::Digests::kNone);
    return graph::load(file->bytes(), data.reader()).context("{}", path);
}

Result<ModelFile> map_model(World& world, const std::string& path) {
    std::shared_ptr<env::MappedFile> file = HF_TRY(world.files.map(path, false));
    return ModelFile{path, std::move(file)};
}

Result<Digest> digest_of_model(World& world, const std::string& path) {
    const std::unique_ptr<env::MappedFile> file = HF_TRY(world.files.map(path, false));
    const Digest own = crypto::sha256(file->bytes());
    if (graph::detect_format(file->bytes()) != graph::Format::kOnnx) return own;
    DataBeside data(world.files, path, DataBeside::Digests::kTaken);
    HF_TRY(graph::load(file->bytes(), data.reader()).status().context("{}", path));
    return trust::model_digest(own, data.digests());
}

Result<LoadedModel> load_model(World& world, const std::string& path, const Arguments& arguments,
                               runtime::PlanKernels kernels) {
    return load_model(world, HF_TRY(map_model(world, path)), arguments, kernels);
}

Result<LoadedModel> load_model(World& world, const ModelFile& mapped, const Arguments& arguments,
                               runtime::PlanKernels kernels) {
    const auto& [path, file, layer, digested] = mapped;
    const runtime::CompileOptions options = HF_TRY(compile_options(world, arguments));
    const Duration start = world.clock.monotonic();
    LoadedModel loaded;
    if (runtime::is_plan(file->bytes())) {
        if (options.device == "ref" || !options.offers.empty()) {
            return invalid_argument("{}: a plan is for cpu; give the model file for other devices",
                                    path);
        }
        if (!options.input_shapes.empty()) {
            return invalid_argument("{}: a plan has one shape already; give the model file", path);
        }
        if (options.math != runtime::Math::kF32) {
            return invalid_argument("{}: a plan's math is chosen already; give the model file",
                                    path);
        }
        const bool own = options.disabled_kernels == std::vector<std::string>{"onednn"};
        if (!options.disabled_passes.empty() || !options.preferred_kernels.empty() ||
            (!options.disabled_kernels.empty() && !own)) {
            return invalid_argument(
                "{}: a plan's passes and kernels are chosen already, but for 'onednn'; give the "
                "model file",
                path);
        }
        if (own) kernels = runtime::PlanKernels::kOwn;
        loaded.model = HF_TRY(
            runtime::open_plan(file->bytes(), file, &loaded.report, kernels).context("{}", path));
        const std::vector<runtime::Port>& outputs = loaded.model->signature().outputs;
        const bool there = std::any_of(outputs.begin(), outputs.end(),
                                       [&](const auto& port) { return port.name == layer; });
        if (!layer.empty() && !there) {
            return invalid_argument(
                "{}: a plan shows its outputs only, and no layer '{}'; give the model file", path,
                layer);
        }
    } else {
        DataBeside plain(world.files, path, DataBeside::Digests::kNone);
        DataBeside& data = digested ? *digested : plain;
        Result<graph::Graph> read = graph::load(file->bytes(), data.reader());
        data.forget();
        graph::Graph graph = HF_TRY(std::move(read).context("{}", path));
        loaded.own_outputs = graph.outputs.size();
        if (!layer.empty()) HF_TRY(expose(graph, layer).context("{}", path));
        loaded.model =
            HF_TRY(runtime::compile(std::move(graph), options, &loaded.report).context("{}", path));
    }
    if (loaded.own_outputs == 0) loaded.own_outputs = loaded.model->signature().outputs.size();
    loaded.load_ms = milliseconds_since(world, start);
    if (!loaded.report.math_refusal.empty()) {
        world.note(fmt::format("warning: {} stays in fp32: {}; --max-rounding allows more\n", path,
                               loaded.report.math_refusal));
    }
    return loaded;
}

Option threads_option() {
    return {"--threads",
            "threads that compute one inference; 0: one for each of the machine's cores", "N", "1"};
}

Result<std::shared_ptr<runtime::Crew>> make_crew(World& world, const Arguments& arguments) {
    const std::int64_t asked =
        HF_TRY(arguments.integer("threads", 0, static_cast<std::int64_t>(runtime::kMaxThreads)));
    if (asked == 1) return std::shared_ptr<runtime::Crew>();
    const std::int64_t cores = std::max<std::int64_t>(1, world.describe_machine().cpus);
    const std::int64_t threads = asked == 0 ? cores : std::min(cores, asked);
    return runtime::Crew::create(static_cast<std::size_t>(threads));
}

json::Object describe_report(const runtime::CompileReport& report) {
    json::Object out;
    out["device"] = report.device;
    if (!report.device_refusal.empty()) out["deviceRefusal"] = report.device_refusal;
    if (report.by_shape) out["byShape"] = true;
    if (report.rounding >= 0) out["bf16Rounding"] = report.rounding;
    if (!report.math_refusal.empty()) out["bf16Refusal"] = report.math_refusal;
    out["arenaBytes"] = report.arena_bytes;
    out["weightBytes"] = report.weight_bytes;
    out["macs"] = report.macs;
    json::Array passes, nodes, parts;
    for (const auto& pass : report.passes) {
        passes.push_back(json::Object{{"name", pass.name},
                                      {"milliseconds", pass.milliseconds},
                                      {"changed", pass.changed},
                                      {"disabled", pass.disabled}});
    }
    for (const auto& row : report.nodes) {
        json::Object node{{"node", row.node}, {"kernel", row.kernel}};
        if (!row.refused.empty()) node["refused"] = row.refused;
        if (row.predicted_us >= 0) {
            node["macs"] = row.macs;
            node["bytes"] = row.bytes;
            node["predictedUs"] = row.predicted_us;
        }
        nodes.push_back(std::move(node));
    }
    for (const auto& row : report.parts) {
        json::Array refused(row.refused.begin(), row.refused.end());
        parts.push_back(json::Object{
            {"device", row.device}, {"nodes", row.nodes}, {"refused", std::move(refused)}});
    }
    out["passes"] = std::move(passes);
    out["nodes"] = std::move(nodes);
    if (!parts.empty()) out["parts"] = std::move(parts);
    json::Array arena;
    for (const auto& row : report.arena) {
        arena.push_back(json::Object{{"offset", row.offset},
                                     {"bytes", row.bytes},
                                     {"firstStep", row.first},
                                     {"lastStep", row.last},
                                     {"holds", row.holds}});
    }
    if (!arena.empty()) out["arena"] = std::move(arena);
    return out;
}

std::string format_report(const runtime::CompileReport& report) {
    std::string text =
        fmt::format("device   {}\narena    {} bytes\nweights  {} bytes\nmacs     {}\n",
                    report.device, report.arena_bytes, report.weight_bytes, report.macs);
    if (!report.device_refusal.empty()) {
        text += fmt::format("why not  {}\n", report.device_refusal);
    }
    if (report.rounding >= 0) {
        text += fmt::format("bf16     changes outputs by {:.2g} %, measured over random inputs\n",
                            report.rounding * 100);
    }
    if (!report.math_refusal.empty()) text += fmt::format("no bf16  {}\n", report.math_refusal);
    if (report.by_shape) {
        text +=
            "shapes   compiled for each that inputs come in; told of below: open extents of 1\n";
    }
    for (const auto& pass : report.passes) {
        const std::string_view did = pass.disabled  ? "switched off"
                                     : pass.changed ? "changed the graph"
                                                    : "nothing to do";
        text += fmt::format("pass     {:24} {:8.3f} ms  {}\n", pass.name, pass.milliseconds, did);
    }
    for (std::size_t i = 0; i < report.parts.size(); ++i) {
        const auto& part = report.parts[i];
        text += fmt::format("part     {} of {}: {}, {} nodes\n", i + 1, report.parts.size(),
                            part.device, part.nodes);
        for (const std::string& why : part.refused) text += fmt::format("         not {}\n", why);
    }
    double all_us = 0;
    for (const auto& row : report.nodes) {
        text += fmt::format("node     {:24} {}\n", row.kernel, row.node);
        if (!row.refused.empty()) text += fmt::format("         not {}\n", row.refused);
        if (row.predicted_us < 0) continue;
        all_us += row.predicted_us;
        text += fmt::format("         {:.1f} us (modelled), {} multiply-adds, {} bytes\n",
                            row.predicted_us, row.macs, row.bytes);
    }
    if (all_us > 0) {
        text += fmt::format(
            "time     {:.1f} us by one thread (modelled; `holdfast profile` measures)\n", all_us);
    }
    for (const auto& row : report.arena) {
        text += fmt::format("arena    {:>10} +{:<10} steps {:>3} to {:<3}  {}\n", row.offset,
                            row.bytes, row.first, row.last, row.holds);
    }
    return text;
}

Result<double> share_option(const Arguments& arguments, const std::string& name) {
    const std::string given = arguments.get(name);
    const bool percent = given.ends_with('%');
    const std::string_view digits = std::string_view(given).substr(0, given.size() - percent);
    const double number = HF_TRY(parse_double(digits).context("--{}", name));
    const double share = percent ? number / 100 : number;
    if (!(share >= 0 && share <= 1)) {
        return invalid_argument("--{}: {} is outside 0% to 100%", name, given);
    }
    return share;
}

Result<Duration> seconds_option(const Arguments& arguments, const std::string& name) {
    const double seconds = HF_TRY(parse_double(arguments.get(name)).context("--{}", name));
    if (!(seconds > 0 && seconds <= 3600)) return invalid_argument("--{}: want 0 to 3600", name);
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

std::string describe_port(const runtime::Port& port) {
    return fmt::format("{}[{}]", dtype_name(port.dtype), port.shape.to_string());
}

}  // namespace hf::cli

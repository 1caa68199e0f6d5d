#include "cli/back_ends.h"

#include <map>

#include "base/text.h"
#include "runtime/onnxruntime/backend.h"
#include "runtime/plugin/backend.h"

namespace hf::cli {
namespace {

using BackendPtr = std::shared_ptr<const runtime::Backend>;

constexpr std::string_view kPlugin = "plugin:";

// "npu" is libnpu.so in the first folder that has it.
Result<std::string> find_plugin(World& world, const std::string& wanted) {
    if (wanted.empty()) return invalid_argument("plugin: wants a path or a name after it");
    if (wanted.find('/') != std::string::npos) return wanted;
    const std::string file = "lib" + wanted + ".so";
    const std::string folders = world.environment("HOLDFAST_DEVICE_PATH").value_or("");
    for (std::string_view folder : split(folders, ':')) {
        if (folder.empty()) continue;
        const std::string path = std::string(folder) + "/" + file;
        if (world.files.info(path).ok()) return path;
    }
    return not_found(
        "no {} in HOLDFAST_DEVICE_PATH, which is {}; give the plug-in's path, as in plugin:./{}",
        file, folders.empty() ? "not set" : "'" + folders + "'", file);
}

// Each back end is opened once, however often it is named.
class BackEnds final {
public:
    explicit BackEnds(World& world) : world_(world) {}

    static bool is_one(const std::string& device) {
        return device == "onnxruntime" || device.starts_with(kPlugin);
    }

    // REQUIRES: is_one(device).
    Result<BackendPtr> open(const std::string& device) {
        const auto [place, added] = opened_.try_emplace(device, nullptr);
        if (added) {
            Result<BackendPtr> backend = make(device);
            HF_TRY(backend.status());
            place->second = std::move(backend).value();
        }
        return place->second;
    }

private:
    Result<BackendPtr> make(const std::string& device) {
        if (device.starts_with(kPlugin)) {
            return runtime::open_plugin(HF_TRY(find_plugin(world_, device.substr(kPlugin.size()))));
        }
        const std::string file = world_.environment("HOLDFAST_ONNXRUNTIME").value_or("");
        return std::make_shared<const runtime::onnxruntime::OnnxRuntimeBackend>(
            HF_TRY(runtime::onnxruntime::Library::open(file)));
    }

    World& world_;
    std::map<std::string, BackendPtr> opened_;
};

// "MatMul=onnxruntime": operators of one device make one offer.
Status add_operator(BackEnds& back_ends, const std::string& words,
                    runtime::CompileOptions& options) {
    const std::size_t sign = words.find('=');
    const std::string device = sign == std::string::npos ? "" : words.substr(sign + 1);
    if (sign == 0 || !BackEnds::is_one(device)) {
        return invalid_argument(
            "--op-device: want OP=onnxruntime or OP=plugin:PATH, as in MatMul=onnxruntime, got "
            "'{}'",
            words);
    }
    const BackendPtr backend = HF_TRY(back_ends.open(device));
    for (runtime::Offer& offer : options.offers) {
        if (offer.backend != backend) continue;
        offer.operators.push_back(words.substr(0, sign));
        return {};
    }
    options.offers.push_back({backend, {words.substr(0, sign)}});
    return {};
}

}  // namespace

Status choose_devices(World& world, const Arguments& arguments, runtime::CompileOptions& options) {
    BackEnds back_ends(world);
    for (const std::string& words : arguments.all("op-device")) {
        HF_TRY(add_operator(back_ends, words, options));
    }
    const std::string device = arguments.get("device");
    if (BackEnds::is_one(device)) {
        options.device = "auto";
        options.offers.push_back({HF_TRY(back_ends.open(device)), {}});
        return {};
    }
    if (device != "ref" && device != "cpu" && device != "auto") {
        return invalid_argument(
            "--device: want ref, cpu, auto, onnxruntime or plugin:PATH, got '{}'", device);
    }
    options.device = device;
    return {};
}

}  // namespace hf::cli

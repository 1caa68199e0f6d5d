#include "runtime/onnxruntime/library.h"

#include <dlfcn.h>

namespace hf::runtime::onnxruntime {
namespace {

constexpr std::uint32_t kApiVersion = 11;
constexpr int kLogFatal = 4;  // what goes wrong comes back as a status

// What OrtGetApiBase gives.
struct ApiBase {
    const void* (*get_api)(std::uint32_t version);
    const char* (*get_version_string)();
};

template <typename Function>
void take(const void* table, std::size_t place, Function& function) {
    function = reinterpret_cast<Function>(static_cast<void* const*>(table)[place]);
}

// The places of the functions in OrtApi (onnxruntime_c_api.h).
Api read_table(const void* table) {
    Api api;
    take(table, 2, api.get_error_message);
    take(table, 3, api.create_env);
    take(table, 8, api.create_session_from_array);
    take(table, 9, api.run);
    take(table, 10, api.create_session_options);
    take(table, 23, api.set_graph_optimization_level);
    take(table, 24, api.set_intra_op_threads);
    take(table, 25, api.set_inter_op_threads);
    take(table, 49, api.create_tensor_with_data);
    take(table, 51, api.get_tensor_data);
    take(table, 60, api.get_element_type);
    take(table, 61, api.get_rank);
    take(table, 62, api.get_extents);
    take(table, 65, api.get_type_and_shape);
    take(table, 69, api.create_cpu_memory_info);
    take(table, 93, api.release_status);
    take(table, 94, api.release_memory_info);
    take(table, 95, api.release_session);
    take(table, 96, api.release_value);
    take(table, 99, api.release_type_and_shape);
    take(table, 100, api.release_session_options);
    return api;
}

Result<void*> load(const std::string& file) {
    std::string reasons;
    const std::string names[] = {file.empty() ? "libonnxruntime.so.1" : file,
                                 file.empty() ? "libonnxruntime.so" : ""};
    for (const std::string& name : names) {
        if (name.empty()) continue;
        if (void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
        reasons += (reasons.empty() ? "" : "; ") + std::string(dlerror());
    }
    return not_found(
        "ONNX Runtime cannot be loaded: {}. Its library comes with the PyPI package onnxruntime "
        "(onnxruntime/capi/libonnxruntime.so.*) and the releases of its project; set "
        "HOLDFAST_ONNXRUNTIME to that file",
        reasons);
}

}  // namespace

Status Library::to_status(OrtStatus* status, std::string_view what) const {
    if (!status) return {};
    std::string text = api_.get_error_message(status);
    api_.release_status(status);
    for (char& each : text) {
        if (static_cast<unsigned char>(each) < 0x20) each = ' ';
    }
    return internal_error("ONNX Runtime: {}: {}", what, text);
}

Result<std::shared_ptr<const Library>> Library::open(const std::string& file) {
    void* handle = HF_TRY(load(file));
    const std::string_view name = file.empty() ? "libonnxruntime.so" : std::string_view(file);
    void* symbol = dlsym(handle, "OrtGetApiBase");
    if (!symbol) return failed_precondition("{} is not ONNX Runtime: no OrtGetApiBase", name);
    const auto* base = reinterpret_cast<const ApiBase* (*)()>(symbol)();
    if (!base) return failed_precondition("{} has no table of functions", name);
    const auto library = std::make_shared<Library>(Key());
    library->version_ = base->get_version_string();
    const void* table = base->get_api(kApiVersion);
    if (!table) {
        return failed_precondition(
            "ONNX Runtime {} ({}) has no version {} of the C API; want 1.11 "
            "or later",
            library->version_, name, kApiVersion);
    }
    library->api_ = read_table(table);
    HF_TRY(library->to_status(library->api_.create_env(kLogFatal, "holdfast", &library->env_),
                              "environment"));
    return library;
}

}  // namespace hf::runtime::onnxruntime

// ONNX Runtime through its C API, loaded at run time: the program is neither built nor linked with
// it. Its table of functions only grows at the end, so the functions in use are named here by their
// places in version 11 of it, which every release since 1.11 (2022) answers to.
//
// Ownership: the process holds one environment for each library it opened, until it ends.
// Thread-safety: immutable; the functions in use may be called from any thread.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

// Opaque types of the C API, under its own names.
struct OrtStatus;
struct OrtEnv;
struct OrtSession;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtValue;
struct OrtMemoryInfo;
struct OrtTensorTypeAndShapeInfo;

namespace hf::runtime::onnxruntime {

// Arguments of a run: names and values, inputs and outputs.
using RunFunction = OrtStatus* (*)(OrtSession*, const OrtRunOptions*, const char* const*,
                                   const OrtValue* const*, std::size_t, const char* const*,
                                   std::size_t, OrtValue**);

struct Api {
    const char* (*get_error_message)(const OrtStatus*) = nullptr;
    OrtStatus* (*create_env)(int, const char*, OrtEnv**) = nullptr;
    OrtStatus* (*create_session_from_array)(const OrtEnv*, const void*, std::size_t,
                                            const OrtSessionOptions*, OrtSession**) = nullptr;
    RunFunction run = nullptr;
    OrtStatus* (*create_session_options)(OrtSessionOptions**) = nullptr;
    OrtStatus* (*set_graph_optimization_level)(OrtSessionOptions*, int) = nullptr;
    OrtStatus* (*set_intra_op_threads)(OrtSessionOptions*, int) = nullptr;
    OrtStatus* (*set_inter_op_threads)(OrtSessionOptions*, int) = nullptr;
    OrtStatus* (*create_tensor_with_data)(const OrtMemoryInfo*, void*, std::size_t,
                                          const std::int64_t*, std::size_t, int,
                                          OrtValue**) = nullptr;
    OrtStatus* (*get_tensor_data)(OrtValue*, void**) = nullptr;
    OrtStatus* (*get_element_type)(const OrtTensorTypeAndShapeInfo*, int*) = nullptr;
    OrtStatus* (*get_rank)(const OrtTensorTypeAndShapeInfo*, std::size_t*) = nullptr;
    OrtStatus* (*get_extents)(const OrtTensorTypeAndShapeInfo*, std::int64_t*,
                              std::size_t) = nullptr;
    OrtStatus* (*get_type_and_shape)(const OrtValue*, OrtTensorTypeAndShapeInfo**) = nullptr;
    OrtStatus* (*create_cpu_memory_info)(int, int, OrtMemoryInfo**) = nullptr;
    void (*release_status)(OrtStatus*) = nullptr;
    void (*release_memory_info)(OrtMemoryInfo*) = nullptr;
    void (*release_session)(OrtSession*) = nullptr;
    void (*release_value)(OrtValue*) = nullptr;
    void (*release_type_and_shape)(OrtTensorTypeAndShapeInfo*) = nullptr;
    void (*release_session_options)(OrtSessionOptions*) = nullptr;
};

// An object of the library, given back by the function that belongs to it.
template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

class Library final {
public:
    // An empty `file` tries the names under which systems install it. NOT_FOUND says how to get it,
    // FAILED_PRECONDITION that the file is something else or too old.
    static Result<std::shared_ptr<const Library>> open(const std::string& file);

    const Api& api() const { return api_; }
    const OrtEnv* env() const { return env_; }
    const std::string& version() const { return version_; }

    // OK, or INTERNAL with the library's own message, which is freed.
    Status to_status(OrtStatus* status, std::string_view what) const;

    // Only open() has a key.
    class Key {
        friend class Library;
        Key() = default;
    };
    explicit Library(Key) {}

private:
    Api api_;
    OrtEnv* env_ = nullptr;
    std::string version_;
};

}  // namespace hf::runtime::onnxruntime

// oneDNN, loaded late: the shared library is opened by the first big shape that asks for it, and a
// process that meets none never pays its 40 MB of code. Whatever is missing becomes one refusal
// with a reason, and the caller keeps its own kernel.
//
// Only oneDNN's C interface is used, resolved by name; the program is not linked with it. The
// interface follows the library's major version, so the file that is opened is named by the headers
// of the build: libdnnl.so.2 on Debian 12.
//
// Ownership: the process holds one library and one engine until it ends; a runtime of OpenMP cannot
// be closed safely. Thread-safe.

#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include <oneapi/dnnl/dnnl.h>

#include "base/status.h"

namespace hf::runtime::onednn {

// The functions in use, under their names without the prefix.
struct Api {
    decltype(&dnnl_engine_create) engine_create = nullptr;
    decltype(&dnnl_engine_destroy) engine_destroy = nullptr;
    decltype(&dnnl_stream_create) stream_create = nullptr;
    decltype(&dnnl_stream_destroy) stream_destroy = nullptr;
    decltype(&dnnl_memory_create) memory_create = nullptr;
    decltype(&dnnl_memory_destroy) memory_destroy = nullptr;
    decltype(&dnnl_memory_desc_init_by_tag) memory_desc_init_by_tag = nullptr;
    decltype(&dnnl_memory_desc_get_size) memory_desc_get_size = nullptr;
    decltype(&dnnl_post_ops_create) post_ops_create = nullptr;
    decltype(&dnnl_post_ops_destroy) post_ops_destroy = nullptr;
    decltype(&dnnl_post_ops_append_sum) post_ops_append_sum = nullptr;
    decltype(&dnnl_post_ops_append_eltwise) post_ops_append_eltwise = nullptr;
    decltype(&dnnl_primitive_attr_create) primitive_attr_create = nullptr;
    decltype(&dnnl_primitive_attr_destroy) primitive_attr_destroy = nullptr;
    decltype(&dnnl_primitive_attr_set_post_ops) primitive_attr_set_post_ops = nullptr;
    decltype(&dnnl_primitive_attr_set_scratchpad_mode) primitive_attr_set_scratchpad_mode = nullptr;
    decltype(&dnnl_dilated_convolution_forward_desc_init) convolution_desc_init = nullptr;
    decltype(&dnnl_inner_product_forward_desc_init) inner_product_desc_init = nullptr;
    decltype(&dnnl_primitive_desc_iterator_create) primitive_desc_iterator_create = nullptr;
    decltype(&dnnl_primitive_desc_iterator_next) primitive_desc_iterator_next = nullptr;
    decltype(&dnnl_primitive_desc_iterator_fetch) primitive_desc_iterator_fetch = nullptr;
    decltype(&dnnl_primitive_desc_iterator_destroy) primitive_desc_iterator_destroy = nullptr;
    decltype(&dnnl_primitive_desc_destroy) primitive_desc_destroy = nullptr;
    decltype(&dnnl_primitive_desc_query) primitive_desc_query = nullptr;
    decltype(&dnnl_primitive_desc_query_md) primitive_desc_query_md = nullptr;
    decltype(&dnnl_reorder_primitive_desc_create) reorder_primitive_desc_create = nullptr;
    decltype(&dnnl_primitive_create) primitive_create = nullptr;
    decltype(&dnnl_primitive_destroy) primitive_destroy = nullptr;
    decltype(&dnnl_primitive_execute) primitive_execute = nullptr;
    void (*omp_set_num_threads)(int) = nullptr;
};

// An object of the library, destroyed by the function that belongs to it.
template <typename Handle>
struct Destroyer {
    dnnl_status_t (*destroy)(Handle) = nullptr;
    void operator()(Handle handle) const { destroy(handle); }
};
template <typename Handle>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroyer<Handle>>;

// OK, or what the library's status means: UNIMPLEMENTED, RESOURCE_EXHAUSTED, INTERNAL.
Status to_status(dnnl_status_t status, std::string_view what);

class Library final {
public:
    // The process's library, opened by the first call. UNIMPLEMENTED, the same each time, says what
    // could not be opened.
    static Result<const Library*> instance();

    // UNIMPLEMENTED when there is no such file, or when it lacks a function.
    static Result<Library> open(const std::string& file);

    const Api& api() const { return api_; }
    dnnl_engine_t engine() const { return engine_; }

    // The calling thread's own stream. From here on the thread runs primitives by itself alone.
    Result<dnnl_stream_t> stream() const;

private:
    Library() = default;

    Api api_;
    dnnl_engine_t engine_ = nullptr;
};

}  // namespace hf::runtime::onednn

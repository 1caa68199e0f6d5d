#include "runtime/onednn/library.h"

#include <dlfcn.h>

namespace hf::runtime::onednn {
namespace {

// Resolves names until the first that is missing.
class Loader final {
public:
    Loader(void* handle, const std::string& file) : handle_(handle), file_(file) {}

    template <typename Function>
    void load(const char* name, Function& function) {
        void* symbol = dlsym(handle_, name);
        if (!symbol && status_.ok()) status_ = unimplemented("{} has no {}", file_, name);
        function = reinterpret_cast<Function>(symbol);
    }

    const Status& status() const { return status_; }

private:
    void* handle_;
    const std::string& file_;
    Status status_;
};

Result<Api> load_api(void* handle, const std::string& file) {
    Api api;
    Loader in(handle, file);
    in.load("dnnl_engine_create", api.engine_create);
    in.load("dnnl_engine_destroy", api.engine_destroy);
    in.load("dnnl_stream_create", api.stream_create);
    in.load("dnnl_stream_destroy", api.stream_destroy);
    in.load("dnnl_memory_create", api.memory_create);
    in.load("dnnl_memory_destroy", api.memory_destroy);
    in.load("dnnl_memory_desc_init_by_tag", api.memory_desc_init_by_tag);
    in.load("dnnl_memory_desc_get_size", api.memory_desc_get_size);
    in.load("dnnl_post_ops_create", api.post_ops_create);
    in.load("dnnl_post_ops_destroy", api.post_ops_destroy);
    in.load("dnnl_post_ops_append_sum", api.post_ops_append_sum);
    in.load("dnnl_post_ops_append_eltwise", api.post_ops_append_eltwise);
    in.load("dnnl_primitive_attr_create", api.primitive_attr_create);
    in.load("dnnl_primitive_attr_destroy", api.primitive_attr_destroy);
    in.load("dnnl_primitive_attr_set_post_ops", api.primitive_attr_set_post_ops);
    in.load("dnnl_primitive_attr_set_scratchpad_mode", api.primitive_attr_set_scratchpad_mode);
    in.load("dnnl_dilated_convolution_forward_desc_init", api.convolution_desc_init);
    in.load("dnnl_inner_product_forward_desc_init", api.inner_product_desc_init);
    in.load("dnnl_primitive_desc_iterator_create", api.primitive_desc_iterator_create);
    in.load("dnnl_primitive_desc_iterator_next", api.primitive_desc_iterator_next);
    in.load("dnnl_primitive_desc_iterator_fetch", api.primitive_desc_iterator_fetch);
    in.load("dnnl_primitive_desc_iterator_destroy", api.primitive_desc_iterator_destroy);
    in.load("dnnl_primitive_desc_destroy", api.primitive_desc_destroy);
    in.load("dnnl_primitive_desc_query", api.primitive_desc_query);
    in.load("dnnl_primitive_desc_query_md", api.primitive_desc_query_md);
    in.load("dnnl_reorder_primitive_desc_create", api.reorder_primitive_desc_create);
    in.load("dnnl_primitive_create", api.primitive_create);
    in.load("dnnl_primitive_destroy", api.primitive_destroy);
    in.load("dnnl_primitive_execute", api.primitive_execute);
    in.load("omp_set_num_threads", api.omp_set_num_threads);  // of the runtime that it brings
    HF_TRY(in.status());
    return api;
}

}  // namespace

Status to_status(dnnl_status_t status, std::string_view what) {
    switch (status) {
        case dnnl_success: return {};
        case dnnl_out_of_memory: return resource_exhausted("oneDNN: {}: out of memory", what);
        case dnnl_unimplemented: return unimplemented("oneDNN has no {} for this shape", what);
        default: return internal_error("oneDNN: {}: status {}", what, static_cast<int>(status));
    }
}

Result<const Library*> Library::instance() {
    static const Result<Library> library = open(fmt::format("libdnnl.so.{}", DNNL_VERSION_MAJOR));
    HF_TRY(library.status());
    return &library.value();
}

Result<Library> Library::open(const std::string& file) {
    void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) return unimplemented("oneDNN cannot be loaded: {}", dlerror());
    Library library;
    library.api_ = HF_TRY(load_api(handle, file));
    HF_TRY(to_status(library.api_.engine_create(&library.engine_, dnnl_cpu, 0), "engine"));
    return library;
}

// OpenMP reads the number of threads where a primitive is made and again where it runs, from the
// thread at hand: each thread says "one" before its first. Work is shared out by our own threads.
Result<dnnl_stream_t> Library::stream() const {
    thread_local Owned<dnnl_stream_t> stream;
    if (!stream) {
        api_.omp_set_num_threads(1);
        dnnl_stream_t made = nullptr;
        HF_TRY(to_status(api_.stream_create(&made, engine_, dnnl_stream_default_flags), "stream"));
        stream = Owned<dnnl_stream_t>(made, {api_.stream_destroy});
    }
    return stream.get();
}

}  // namespace hf::runtime::onednn

#include "cli/returning_memory.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace hf::cli {

void return_memory() {
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

std::shared_ptr<const runtime::CompiledModel> returning_memory(
    std::shared_ptr<const runtime::CompiledModel> model) {
    const runtime::CompiledModel* const it = model.get();
    return {it, [model = std::move(model)](const auto*) mutable {
                model.reset();
                return_memory();
            }};
}

}  // namespace hf::cli

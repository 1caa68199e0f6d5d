// Highway checks its own use under Clang's sanitizers, and would end the process by a function of
// its library, which nothing here links with (kernels/simd/dispatch.h).

#include <hwy/base.h>

namespace hwy {

void Abort(const char*, int, const char*, ...) {
    __builtin_trap();
}

}  // namespace hwy

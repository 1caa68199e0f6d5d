#include "runtime/ref/ops/common.h"
namespace hf::runtime::ref {
std::vector<OpRow> pool_rows() {
    return {};
}
}  // namespace hf::runtime::ref

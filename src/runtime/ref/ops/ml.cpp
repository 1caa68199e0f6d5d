#include "runtime/ref/ops/common.h"
namespace hf::runtime::ref {
std::vector<OpRow> ml_rows() {
    return {};
}
}  // namespace hf::runtime::ref

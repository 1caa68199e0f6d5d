#include "runtime/ref/families.h"

namespace hf::runtime::ref {

std::vector<OpRow> data_rows() {
    return {};
}

}  // namespace hf::runtime::ref

// What makes the small runners independent of oneDNN: plans that name its kernels run on their own
// counterparts.

#include "runtime/cpu/steps/library.h"

namespace hf::runtime::cpu {

Result<onednn::Choice> choose_conv_f32(const Operation&) {
    return unimplemented("this program has no oneDNN");
}

Result<StepPtr> make_library_step(const Operation& operation, const std::uint8_t*) {
    return choose_conv_f32(operation).status();
}

}  // namespace hf::runtime::cpu

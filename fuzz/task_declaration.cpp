// Declarations of tasks, against signatures of every kind; what is accepted is asked.

#include "serve/tasks/task.h"

namespace {

using hf::DType;
using hf::runtime::Port;
using hf::runtime::Signature;

constexpr std::int64_t kOpen = hf::Shape::kUnknown;

const Signature kSignatures[] = {
    {{Port{"x", DType::kF32, {1, 3, kOpen, 4}}}, {Port{"y", DType::kF32, {1, 3}}}},
    {{Port{"x", DType::kI8, {1, 4, 4, 1}}}, {Port{"y", DType::kI8, {1, kOpen}}}},
    {{Port{"x", DType::kF32, {kOpen, kOpen}}}, {Port{"y", DType::kF32, {kOpen, 2}}}},
    {{Port{"a", DType::kI64, {kOpen, 1}}, Port{"b", DType::kString, {kOpen}}},
     {Port{"y", DType::kF32, {kOpen}}, Port{"z", DType::kI64, {kOpen}}}}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const hf::serve::tasks::Declaration declaration{std::string(hf::as_text({data, size}))};
    for (const Signature& signature : kSignatures) {
        const auto task = hf::serve::tasks::Task::make(declaration, signature);
        if (!task.ok()) continue;
        (void)(*task)->describe();
        (void)(*task)->read({hf::as_bytes("1,2\n3,4\n"), "text/csv"});
    }
    return 0;
}

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
    {{Port{"x", DType::kF32, {1, kOpen, kOpen}}}, {Port{"y", DType::kF32, {1, 3}}}},
    {{Port{"x", DType::kI8, {1, 6, 4, 1}}}, {Port{"y", DType::kF32, {1, kOpen}}}},
    {{Port{"x", DType::kF32, {kOpen, 12}}}, {Port{"y", DType::kF32, {kOpen, kOpen}}}},
    {{Port{"a", DType::kI64, {kOpen, 1}}, Port{"b", DType::kString, {kOpen}}},
     {Port{"y", DType::kF32, {kOpen}}, Port{"z", DType::kI64, {kOpen}}}}};

constexpr std::string_view kWav(
    "RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1F\0\0\x80\x3E\0\0\2\0\x10\0data\x10\0\0\0"
    "\1\2\3\4\5\6\7\x88\x99\x10\x11\x12\x13\x14\x15\x16",
    60);

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const hf::serve::tasks::Declaration declaration{std::string(hf::as_text({data, size}))};
    for (const Signature& signature : kSignatures) {
        const auto task = hf::serve::tasks::Task::make(declaration, signature);
        if (!task.ok()) continue;
        (void)(*task)->describe();
        (void)(*task)->read({hf::as_bytes("1,2\n3,4\n"), "text/csv"});
        (void)(*task)->read({hf::as_bytes(kWav)});
    }
    return 0;
}

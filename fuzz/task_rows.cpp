// Rows in CSV and JSON. The first byte chooses what the request calls them.

#include "serve/tasks/task.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using hf::DType;
    using hf::runtime::Port;
    constexpr std::string_view kTypes[] = {"", "text/csv", "text/csv; header=absent",
                                           "application/json", "text/csv; header=present"};
    if (size == 0) return 0;
    static const auto task = hf::serve::tasks::Task::make(
        {R"({"kind":"rows","columns":["a",{"name":"b","values":{"yes":1},"missing":"nan"},"c"]})"},
        {{Port{"a", DType::kI32, {hf::Shape::kUnknown, 1}},
          Port{"b", DType::kF32, {hf::Shape::kUnknown}},
          Port{"c", DType::kString, {hf::Shape::kUnknown, 1}}},
         {Port{"y", DType::kF32, {hf::Shape::kUnknown}}}});
    (void)(*task)->read({{data + 1, size - 1}, kTypes[data[0] % std::size(kTypes)]});
    return 0;
}

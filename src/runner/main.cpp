// holdfast-run and holdfast-micro: the same program over two tables of kernels.

#include "runner/command.h"
#include "runner/io.h"
#include "runtime/executable.h"

namespace hf::runner {
namespace {

Status run_program(const std::vector<std::string>& given) {
    const ByteView file = HF_TRY(map_file("/proc/self/exe"));
    const Result<ByteView> found = runtime::plan_within(file);
    const bool carries = found.status().code() != Code::kNotFound;
    if (carries) HF_TRY(found.status());
    const Words words = HF_TRY(parse_words(given, carries));
    if (words.help) {
        print(help_text(carries));
        return {};
    }
    return run(words, carries ? *found : ByteView());
}

}  // namespace
}  // namespace hf::runner

int main(int argc, char** argv) {
    const hf::Status status = hf::runner::run_program({argv + (argc > 0 ? 1 : 0), argv + argc});
    if (status.ok()) return 0;
    hf::runner::complain(fmt::format("{}: {}\n", argc > 0 ? argv[0] : "runner", status.message()));
    return status.code() == hf::Code::kInvalidArgument ? 2 : 1;
}

// hear DECLARATION.JSON RANK: of each line of standard input, the name of a sound file, writes what
// a model with one open input of that rank is given: how many numbers (or 0, and then the error in
// a line), and these as f32. For interop/audio.sh.

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "serve/tasks/task.h"

namespace {

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_count(std::uint32_t count) {
    std::cout.write(reinterpret_cast<const char*>(&count), sizeof count);
}

}  // namespace

int main(int argc, char** argv) {
    using hf::DType;
    using hf::runtime::Port;
    if (argc != 3) return 2;
    const hf::Shape open(std::vector<std::int64_t>(std::stoul(argv[2]), hf::Shape::kUnknown));
    const hf::runtime::Signature signature{{Port{"x", DType::kF32, open}},
                                           {Port{"y", DType::kF32, {hf::Shape::kUnknown}}}};
    const auto task = hf::serve::tasks::Task::make({content_of(argv[1])}, signature);
    if (!task.ok()) {
        std::cerr << task.status().to_string() << "\n";
        return 1;
    }
    for (std::string line; std::getline(std::cin, line);) {
        const std::string file = content_of(line);
        const auto prepared = (*task)->read({hf::as_bytes(file)});
        if (!prepared.ok()) {
            write_count(0);
            std::cout << prepared.status().to_string() << "\n";
            continue;
        }
        const hf::ByteView bytes = prepared->inputs[0].bytes();
        write_count(static_cast<std::uint32_t>(bytes.size() / sizeof(float)));
        std::cout.write(reinterpret_cast<const char*>(bytes.data()),
                        static_cast<std::streamsize>(bytes.size()));
    }
    return 0;
}

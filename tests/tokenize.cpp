// tokenize TOKENIZER.JSON: of each line of standard input, a JSON string, writes the numbers of its
// tokens in a line. For interop/tokenizers.sh.

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "base/json.h"
#include "media/text/tokenizer.h"

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::ifstream file(argv[1]);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const auto tokenizer = hf::media::text::Tokenizer::parse(text);
    if (!tokenizer.ok()) {
        std::cerr << tokenizer.status().to_string() << "\n";
        return 1;
    }
    for (std::string line; std::getline(std::cin, line);) {
        const auto value = hf::json::parse(line);
        if (!value.ok() || !value->is_string()) return 2;
        const auto ids = tokenizer->encode(hf::json::as_view(value->get_string()), 4096);
        if (!ids.ok()) {
            std::cout << ids.status().to_string() << "\n";
            continue;
        }
        for (std::size_t i = 0; i < ids->size(); ++i) std::cout << (i > 0 ? " " : "") << (*ids)[i];
        std::cout << "\n";
    }
    return 0;
}

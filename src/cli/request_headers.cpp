#include "cli/request_headers.h"

#include "base/text.h"

namespace hf::cli {

Option header_option() {
    return {"--header", "sent along with every request", "'NAME: VALUE'", "", true};
}

Result<http::Headers> read_headers(const Arguments& arguments) {
    http::Headers headers;
    for (const std::string& line : arguments.all("header")) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos || colon == 0) {
            return invalid_argument("--header '{}': want 'NAME: VALUE'", line);
        }
        if (line.find_first_of("\r\n") != std::string::npos) {
            return invalid_argument("--header: a header is one line");
        }
        headers.add(line.substr(0, colon), std::string(trim(line.substr(colon + 1))));
    }
    return headers;
}

}  // namespace hf::cli

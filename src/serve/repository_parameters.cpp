#include "serve/repository_parameters.h"

namespace hf::serve {

Status check_parameter(std::string_view name, std::optional<bool> truth, Change change) {
    constexpr std::size_t kNameShown = 64;
    if (name == "unload_dependents" && change == Change::kUnload) {
        if (truth == false) return {};
        return invalid_argument(
            "/parameters/unload_dependents: no model here has dependents; leave it out");
    }
    if (change == Change::kLoad && name == "config") {
        return invalid_argument(
            "/parameters/config: a model is loaded as its file is, without a configuration; leave "
            "it out");
    }
    if (change == Change::kLoad && name.starts_with("file:")) {
        return invalid_argument(
            "/parameters: files ('file:...') are not taken from requests; change the file that the "
            "server was started with, and load again");
    }
    return invalid_argument("/parameters: there is no parameter '{}' here; leave it out",
                            name.size() <= kNameShown ? name : "(a long name)");
}

}  // namespace hf::serve

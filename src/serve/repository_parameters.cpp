#include "serve/repository_parameters.h"

namespace hf::serve {

Status take_parameter(const ChangeParameter& parameter, Change change, ChangeTerms& terms) {
    constexpr std::size_t kNameShown = 64;
    const std::string_view name = parameter.name;
    if (name == "unload_dependents" && change == Change::kUnload) {
        if (!parameter.truth) {
            return invalid_argument("/parameters/unload_dependents: must be true or false");
        }
        terms.dependents = *parameter.truth;
        return {};
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

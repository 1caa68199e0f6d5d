// PerModel: what an option says of models, which may be given again: of one as NAME=WHAT, and of
// all others as WHAT.
//
// Thread-safety: a value.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hf::cli {

template <typename T>
class PerModel final {
public:
    // `option`: its long name, for errors. INVALID_ARGUMENT for what `read` refuses, and for what
    // is said of one model twice.
    template <typename Read>
    static Result<PerModel> parse(std::string_view option, const std::vector<std::string>& given,
                                  Read read) {
        PerModel all;
        for (const std::string& text : given) {
            const std::size_t sign = text.rfind('=');
            const bool named = sign != std::string::npos;
            const std::string name = named ? text.substr(0, sign) : "";
            if (named && name.empty()) {
                return invalid_argument("--{} {}: the model's name is missing", option, text);
            }
            const std::string_view what = std::string_view(text).substr(named ? sign + 1 : 0);
            T value = HF_TRY(read(what).context("--{} {}", option, text));
            if (!all.of_.emplace(name, std::move(value)).second) {
                return invalid_argument("--{} {}: {} twice", option, text,
                                        named ? "the same model" : "all models");
            }
        }
        return all;
    }

    std::optional<T> of(const std::string& name) const {
        auto found = of_.find(name);
        if (found == of_.end()) found = of_.find("");
        return found == of_.end() ? std::optional<T>() : found->second;
    }

    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& [name, value] : of_) {
            if (!name.empty()) names.push_back(name);
        }
        return names;
    }

private:
    std::map<std::string, T> of_;  // "": all others
};

}  // namespace hf::cli

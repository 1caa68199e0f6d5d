#include "serve/unknown_model.h"

#include "base/text.h"

namespace hf::serve {
namespace {

using Host = std::shared_ptr<ModelHost>;

// Of what a stranger may try instead, in an error's message.
constexpr std::size_t kNamesShown = 10;

std::string names_of(const Models& models) {
    std::vector<std::string> names;
    for (const Host& host : models.all()) {
        if (!names.empty() && names.back() == host->identity().name) continue;
        if (names.size() == kNamesShown) {
            names.emplace_back("...");
            break;
        }
        names.push_back(host->identity().name);
    }
    return names.empty() ? "no model is" : "these are: " + join(names, ", ");
}

// The same of a model's versions, the highest first.
std::string versions_of(const Hosts& versions) {
    std::vector<std::string> names;
    for (auto host = versions.rbegin(); host != versions.rend(); ++host) {
        if (names.size() == kNamesShown) {
            names.emplace_back("...");
            break;
        }
        names.push_back(fmt::format("'{}'", (*host)->identity().version));
    }
    return join(names, ", ");
}

}  // namespace

Status unknown_model(const Services& services, std::string_view name, std::string_view version) {
    Models& models = services.models;
    const ModelRepository* const repository = services.with.repository;
    const Hosts versions = models.versions(name);
    if (versions.empty()) {
        models.count_unknown();
        if (const auto reason = repository ? repository->why_not(name) : std::nullopt) {
            return not_found(
                "model '{}' is not ready: {}; it can be loaded "
                "(POST /v2/repository/models/NAME/load)",
                name, *reason);
        }
        return not_found("model '{}' is not served here; {}", name, names_of(models));
    }
    if (const auto reason = repository ? repository->why_not(name, version) : std::nullopt) {
        return not_found("version '{}' of model '{}' is not ready: {}", version, name, *reason);
    }
    return not_found("model '{}' has no version '{}'; it has {}", name, version,
                     versions_of(versions));
}

std::vector<std::string> versions_beside(const Models& models, const ModelHost& host) {
    std::vector<std::string> names;
    for (const Host& each : models.versions(host.identity().name)) {
        names.push_back(each->identity().version);
    }
    if (names.empty()) names.push_back(host.identity().version);  // it has just been removed
    return names;
}

}  // namespace hf::serve

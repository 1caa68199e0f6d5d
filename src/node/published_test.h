// The files of an update repository as a source of metadata, for this module's tests.

#pragma once

#include <map>
#include <string>

#include "node/update_client.h"
#include "trust/tuf/refusal.h"

namespace hf::node {

// What a test publishes, and what became of it.
struct Published {
    const std::map<std::string, std::string>& files;
    bool away = false;  // nobody answers
    int fetches = 0;
};

// REQUIRES: published outlives it.
class PublishedSource final : public MetadataSource {
public:
    explicit PublishedSource(Published& published) : published_(published) {}

    Result<std::string> fetch(const std::string& name, std::uint64_t bytes_max) override {
        ++published_.fetches;
        if (published_.away) return unavailable("nobody answers");
        const auto file = published_.files.find(name);
        if (file == published_.files.end()) return not_found("{}", name);
        if (file->second.size() <= bytes_max) return file->second;
        return trust::tuf::refusal(trust::tuf::kTooLarge, "{} is too large", name);
    }

private:
    Published& published_;
};

}  // namespace hf::node

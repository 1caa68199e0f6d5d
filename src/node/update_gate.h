// Freshness: whether an update repository (The Update Framework) still vouches for a version that
// this machine is told to run, before anything of it is fetched. Two must agree then: the server,
// whose order names the version, and the repository, whose targets name the manifest's digest.
//
// The reference "pump:v1" is the target "pump/v1"; "pump@sha256:HEX" is "pump/HEX".
//
// Static stability: what was admitted stays admitted without asking again, and so does the version
// before it, to which a machine must be able to go back alone. Metadata that has ended, or a
// repository that does not answer, stops new versions and nothing that answers. Refusals are
// UNAVAILABLE and keep their reason ([tuf-expired], ...): the repository may put it right, so they
// are tried again.
//
// Owned by one thread (the agent's worker).

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "env/clock.h"
#include "env/files.h"
#include "node/lifecycle.h"
#include "node/time_floor.h"
#include "node/update_client.h"

namespace hf::node {

// A repository, and the root to begin with.
struct UpdatePin {
    std::string url;                // where its metadata is
    Digest root;                    // SHA-256 of the file of that root
    std::int64_t root_version = 1;  // "1.root.json"
    friend bool operator==(const UpdatePin&, const UpdatePin&) = default;
};

// Those that a TrustPolicy's spec, as JSON, names: one or none. Empty: no policy, and none.
Result<std::vector<UpdatePin>> pins_of(std::string_view policy_text);

class UpdateGate final {
public:
    using Connect = std::function<Result<std::unique_ptr<MetadataSource>>(std::string url)>;

    struct Options {
        std::string folder;               // what was verified and admitted is kept there
        std::string node;                 // this machine's name
        std::string hardware_id;          // what it is: "x86_64"
        std::vector<UpdatePin> own = {};  // asked for every version, whatever a policy says
        Connect connect = metadata_over_http;
        const TimeFloor* time_floor = nullptr;  // ends are judged by it; null: by the clock
    };

    // REQUIRES: files and clock outlive it.
    UpdateGate(env::Files& files, env::Clock& clock, Options options)
        : files_(files), clock_(clock), options_(std::move(options)) {}

    // OK when every repository that counts vouches for `manifest` being what the wish refers to,
    // here.
    Status admit(const Wish& wish, const Digest& manifest);

    // `manifest` answers for the service now. It, and what answered before it, stay admitted,
    // however many others are admitted and never come to answer.
    void note_active(const std::string& service, const std::string& manifest);

    // The service is gone: what was admitted for it no longer is.
    void forget(const std::string& service);

private:
    // What is known of one repository.
    struct Record {
        std::map<std::string, std::vector<std::string>> admitted;  // by service, the last one first
        std::map<std::string, std::vector<std::string>>
            answered;                                  // the same, of what was activated
        std::map<std::string, std::int64_t> releases;  // by model: the highest that was seen
    };

    Status admit_by(const UpdatePin& pin, const Wish& wish, const Digest& manifest);
    Status ask(const UpdatePin& pin, const std::string& target, const Digest& manifest,
               std::int64_t& release);
    Status begin(const UpdatePin& pin, const std::string& folder, MetadataSource& source);
    Status load();
    Status save();

    env::Files& files_;
    env::Clock& clock_;
    const Options options_;

    std::map<std::string, Record> records_;  // by the pin's folder
    bool loaded_ = false;
};

}  // namespace hf::node

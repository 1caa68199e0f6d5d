// An update by the rules of The Update Framework 1.0 (section 5, the client's workflow), as a state
// machine without effects:
//
//     start -> root N+1, N+2, ... -> timestamp -> snapshot -> targets -> done
//     find(target) -> delegated roles, before their siblings -> done
//
// Each turn answers what is to be kept on disk from now on (in that order, before anything else is
// asked for), and either one request, or a refusal with a reason (refusal.h), or neither: done.
// What is kept is the bytes as they came; what is refused is never kept, so the next update begins
// where this one was stopped.
//
// Time is that of the start, for the whole update. What answers elsewhere is none of its business:
// metadata that has ended stops new versions and nothing else.
//
// Pure. An Update belongs to one thread.

#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "trust/tuf/metadata.h"

namespace hf::trust::tuf {

inline constexpr int kMaxRootsAnUpdate = 256;
inline constexpr std::size_t kMaxRolesASearch = 32;

// What was kept of earlier updates, by role. "root" is needed; the rest is forgotten where it is
// damaged or no longer signed as it should be.
using Kept = std::map<std::string, std::string, std::less<>>;

struct Request {
    std::string role;
    std::optional<std::int64_t> version;  // in the file's name
    std::uint64_t bytes_max = 0;

    // The role's name as one part of a path, before it ".json" and after it the version.
    std::string file_name() const;
    friend bool operator==(const Request&, const Request&) = default;
};

// The role that a file without a version in its name is of; nullopt for other names.
std::optional<std::string> role_of_file(std::string_view name);

struct Change {
    std::string role;
    std::optional<std::string> bytes;  // nullopt: it is forgotten
    friend bool operator==(const Change&, const Change&) = default;
};

struct Turn {
    std::vector<Change> changes;
    std::optional<Request> request;
    Status refused;
};

class Update final {
public:
    Update(Kept kept, Instant now) : kept_(std::move(kept)), now_(now) {}

    // The first turn. REQUIRES: called once, before all others.
    Turn start();

    // What the last request brought. REQUIRES: there was one.
    Turn on_bytes(std::string_view bytes);
    Turn on_missing();

    // Looks for what is to be known of a target, along the delegations. REQUIRES: done().
    Turn find(std::string_view target);

    // Whether all four top-level roles are verified and nothing is asked for.
    bool done() const { return stage_ == Stage::kDone; }

    // What the last find() led to; nullptr when no role that may speak of the target lists it.
    const TargetFile* found() const { return found_ ? &*found_ : nullptr; }

    // REQUIRES: start() was not refused.
    const Root& root() const { return *root_; }
    // REQUIRES: done().
    const Targets& targets() const { return roles_.find("targets")->second.content; }

private:
    enum class Stage : unsigned char {
        kNew,
        kRoot,
        kTimestamp,
        kSnapshot,
        kTargets,
        kDone,
        kDelegated,
        kRefused
    };
    struct Verified {
        Envelope envelope;
        Targets content;
    };
    struct Visit {
        std::string role;
        std::string delegator;
    };

    Turn finish(Status status);
    Status take(std::string_view bytes);
    Status take_root(std::string_view bytes);
    Status take_timestamp(std::string_view bytes);
    Status take_snapshot(std::string_view bytes);
    Status take_targets(std::string_view bytes);

    void ask(Stage stage, Request request);
    void ask_root();
    Status after_roots();
    void forget_what_new_keys_did_not_sign();
    Status enter_snapshot();
    Status enter_targets();
    Status walk();
    void visit(const Visit& at);
    Status check_delegator(const Visit& at, const Envelope& envelope) const;
    Status check_age(const Head& head, std::string_view role) const;
    std::optional<Verified> kept_targets(const Visit& at, const MetaFile& meta) const;
    void keep(std::string_view role, std::string_view bytes);

    Kept kept_;
    Instant now_;
    Stage stage_ = Stage::kNew;
    Turn turn_;
    Request asked_;
    int roots_ = 0;

    std::optional<Root> root_;
    std::optional<Timestamp> timestamp_;
    std::optional<Snapshot> snapshot_;
    std::map<std::string, Verified, std::less<>> roles_;  // targets and what it delegates to

    std::string target_;
    std::vector<Visit> ahead_;  // the last is next
    std::set<std::string> visited_;
    Visit at_;
    std::optional<TargetFile> found_;
};

}  // namespace hf::trust::tuf

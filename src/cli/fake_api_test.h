// A server of resources as small as the commands' tests need: objects in a map, revisions, watches,
// and one token. It answers as the API conventions say; what it does not check, it does not check.
// And a world to run commands in. Used by tests only.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/object.h"
#include "base/mutex.h"
#include "cli/command.h"
#include "http/server.h"
#include "testing/disk_files.h"
#include "testing/temp_dir.h"

namespace hf::cli {

class FakeApi final {
public:
    FakeApi();

    std::string url() const;

    // "services/pump"; null when there is none.
    json::Value object(const std::string& key);
    void put(api::Object object);
    void remove(const std::string& key);

    std::vector<std::string> requests();  // "GET /path?query"

private:
    struct Event {
        std::int64_t revision;
        std::string type;
        json::Value object;
    };
    class Watch;

    http::Response answer(const http::Request& request);
    http::Response get(const http::Request& request, const std::string& kind,
                       const std::string& name) HF_REQUIRES(mutex_);
    http::Response write(const http::Request& request, const std::string& kind,
                         const std::string& name) HF_REQUIRES(mutex_);
    void put_locked(api::Object object) HF_REQUIRES(mutex_);
    void remove_locked(const std::string& key) HF_REQUIRES(mutex_);

    Mutex mutex_;
    std::int64_t revision_ HF_GUARDED_BY(mutex_) = 1;
    std::map<std::string, json::Value> objects_ HF_GUARDED_BY(mutex_);
    std::vector<Event> events_ HF_GUARDED_BY(mutex_);
    std::vector<std::string> requests_ HF_GUARDED_BY(mutex_);
    std::vector<std::function<void()>> wakes_ HF_GUARDED_BY(mutex_);
    std::unique_ptr<http::Server> server_;
};

// Each look at the clock takes a second.
class SteppingClock final : public env::Clock {
public:
    Instant now() const override { return Instant(monotonic()); }
    Duration monotonic() const override { return std::chrono::seconds(++looks_); }
    Duration thread_cpu() const override { return {}; }

private:
    mutable std::int64_t looks_ = 1'800'000'000;
};

class NoEntropy final : public env::Entropy {
public:
    void fill(std::span<std::uint8_t> bytes) override { std::fill(bytes.begin(), bytes.end(), 7); }
};

// Runs commands; keeps what they print.
class CommandRunner final {
public:
    // The exit status. `out` and `note` are what came of this command.
    int run(const std::string& words);

    std::string write_file(const std::string& name, const std::string& text);

    // "--kubeconfig" is understood.
    void use(const FakeApi& api);

    std::string out;
    std::string note;
    std::string standard_input;
    std::string stop_at;  // a signal comes when `out` has this; empty: never
    std::map<std::string, std::string> environment;

private:
    testing::TempDir folder_;
    testing::DiskFiles files_;
    SteppingClock clock_;
    NoEntropy entropy_;
};

}  // namespace hf::cli

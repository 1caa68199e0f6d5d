// WatchStream: a watch as an HTTP body: one JSON object a line, {"type": ..., "object": ...}, with
// bookmarks, an honest 410 when it falls behind, and an end when its time is up.
//
// The HTTP loop's thread calls start() and next(); wake() comes from any thread.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "control/server/answers.h"
#include "http/message.h"
#include "resources/resources.h"

namespace hf::control {

inline constexpr Duration kBookmarkInterval = std::chrono::minutes(1);

struct WatchStreamOptions {
    const api::Kind& kind;  // lives for ever
    Form form;
    std::string api_version;  // that objects are given under
    bool bookmarks = false;
    bool initial_events_end = false;  // a bookmark tells where what was there before ends
    Duration life;
    std::function<void()> on_end = {};  // when the stream is gone, from any thread; may be null
};

// Where the store's "something happened" meets the HTTP loop's wake function, whichever is there
// first. Thread-safe; shared by the stream, the store's watch and the ticker.
class Wakener final {
public:
    void set(std::function<void()> wake);
    void wake();

    // The watcher may not watch any more.
    void end();
    bool ended() const { return ended_; }

    // When the stream has something to say without anything having happened.
    void set_due(Duration due) { due_ = due; }
    Duration due() const { return due_; }

private:
    std::atomic<bool> ended_{false};
    std::atomic<Duration> due_{Duration::zero()};
    Mutex mutex_;
    std::function<void()> wake_ HF_GUARDED_BY(mutex_);
};

class WatchStream final : public http::BodyStream {
public:
    ~WatchStream() override;
    WatchStream(std::unique_ptr<resources::ObjectWatch> watch, std::shared_ptr<Wakener> wakener,
                env::Clock& clock, WatchStreamOptions options);

    void start(std::function<void()> wake) override { wakener_->set(std::move(wake)); }
    std::optional<Bytes> next() override;

private:
    void append(std::string_view type, const json::Value& object, std::string& out);
    void append_event(resources::WatchEvent event, std::string& out);
    void tell_due();
    void append_bookmark(bool ends_initial, std::string& out);

    std::unique_ptr<resources::ObjectWatch> watch_;
    std::shared_ptr<Wakener> wakener_;
    env::Clock& clock_;
    WatchStreamOptions options_;
    Duration ends_at_;
    Duration bookmark_at_;
    bool first_ = true;
    bool columns_sent_ = false;
    bool ended_ = false;
};

}  // namespace hf::control

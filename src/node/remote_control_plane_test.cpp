// A machine and two servers on loopback: who is asked when one of them dies, or says nothing.

#include "node/remote_control_plane.h"

#include <thread>

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "http/server.h"

namespace hf::node {
namespace {

using namespace std::chrono_literals;

// A watch that says nothing for as long as it lasts.
class Silence final : public http::BodyStream {
public:
    void start(std::function<void()>) override {}
    std::optional<Bytes> next() override { return Bytes(); }
};

// A server of the fleet: it knows one Node.
class FakeServer {
public:
    FakeServer() {
        http::Router router;
        router.add("GET", "/apis/holdfast.dev/v1/nodes/{name}", [this](const http::Request&) {
            api::Object node = api::Object::make("Node", "", "press");
            node.edit_metadata()["resourceVersion"] = "7";
            return counted("get", http::Response::json(200, json::write(node.json())));
        });
        router.add("GET", "/apis/holdfast.dev/v1/nodes", [this](const http::Request&) {
            http::Response response;
            response.stream = std::make_shared<Silence>();
            return counted("watch", std::move(response));
        });
        router.add("POST", "/v1/node/heartbeat", [this](const http::Request&) {
            return counted("heartbeat",
                           http::Response::json(
                               200, R"({"nextMilliseconds":250,"now":"2027-01-15T08:00:00Z"})"));
        });
        server_ = http::Server::start({}, std::move(router)).value();
    }

    std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
    void die() { server_.reset(); }

    // Until it is told to go on, or for as long as anybody could wait for it.
    void fall_silent(bool silent) {
        {
            const MutexLock lock(mutex_);
            silent_ = silent;
        }
        changed_.notify_all();
    }
    int count(const std::string& what) {
        const MutexLock lock(mutex_);
        return counts_[what];
    }
    bool await(const std::string& what) {
        MutexLock lock(mutex_);
        return changed_.wait_for(lock, 20s,
                                 [&]() HF_REQUIRES(mutex_) { return counts_[what] > 0; });
    }

private:
    http::Response counted(const std::string& what, http::Response response) {
        MutexLock lock(mutex_);
        ++counts_[what];
        changed_.notify_all();
        changed_.wait_for(lock, 20s, [&]() HF_REQUIRES(mutex_) { return !silent_; });
        return response;
    }

    Mutex mutex_;
    ConditionVariable changed_;
    bool silent_ HF_GUARDED_BY(mutex_) = false;
    std::map<std::string, int> counts_ HF_GUARDED_BY(mutex_);
    std::unique_ptr<http::Server> server_;  // its handlers use what is above
};

class RemoteControlPlaneTest : public ::testing::Test {
protected:
    std::unique_ptr<ControlPlane> connect(Duration answer_timeout = 10s) {
        RemoteOptions options;
        options.servers = &servers_;
        options.node = "press";
        options.credentials = [] { return RemoteOptions::Credentials{}; };
        options.answer_timeout = answer_timeout;
        options.on_server_time = [this](Instant now) { server_time_ = now; };
        return make_remote_control_plane(std::move(options));
    }

    Instant server_time_;
    FakeServer first_, second_;
    Servers servers_{{first_.url(), second_.url()}};
};

TEST_F(RemoteControlPlaneTest, WhenOneServerDiesTheOtherIsAskedAndFollowed) {
    const auto plane = connect();
    Status ended;
    const auto follow = [&] { ended = plane->follow([](const api::Object&) { return Status(); }); };
    std::thread watch(follow);
    EXPECT_TRUE(first_.await("watch"));
    EXPECT_EQ(plane->heartbeat(), Status());
    EXPECT_EQ(format_rfc3339(server_time_), "2027-01-15T08:00:00Z");
    EXPECT_EQ(first_.count("heartbeat"), 1);
    EXPECT_EQ(second_.count("heartbeat"), 0) << "one server at a time";

    first_.die();
    EXPECT_EQ(plane->heartbeat().code(), Code::kUnavailable);
    watch.join();
    EXPECT_EQ(ended.code(), Code::kUnavailable) << ended.to_string();
    EXPECT_EQ(plane->heartbeat(), Status());
    EXPECT_EQ(second_.count("heartbeat"), 1);
    EXPECT_EQ(plane->heartbeat_every(), 250ms);

    std::thread again(follow);
    EXPECT_TRUE(second_.await("watch"));
    plane->stop();
    again.join();
    EXPECT_EQ(ended.code(), Code::kCancelled) << ended.to_string();
}

TEST_F(RemoteControlPlaneTest, AServerThatSaysNothingLosesItsTurn) {
    const auto plane = connect(300ms);
    first_.fall_silent(true);
    EXPECT_EQ(plane->heartbeat().code(), Code::kDeadlineExceeded);
    EXPECT_EQ(plane->enlist().value().name(), "press");
    EXPECT_EQ(first_.count("heartbeat"), 1);
    EXPECT_EQ(second_.count("get"), 1);
    first_.fall_silent(false);
}

TEST_F(RemoteControlPlaneTest, WithoutAnyServerItGoesRoundAndComesBack) {
    const auto plane = connect();
    second_.die();
    servers_.failed(first_.url());
    EXPECT_EQ(plane->enlist().status().code(), Code::kUnavailable);
    EXPECT_EQ(plane->enlist().value().name(), "press");
    first_.die();
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(plane->enlist().status().code(), Code::kUnavailable);
    }
    EXPECT_EQ(servers_.count(), 2u);
}

}  // namespace
}  // namespace hf::node

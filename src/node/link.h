// Link: the node's side of its control plane (control_plane.h): news of what to run come in, and
// what there is to say goes out, each on a thread of its own, so that a network that hangs holds up
// nothing else. What fails is tried again, after a pause that grows and is never the same for all.
//
// What goes next, and when, mail.h decides. A status is a state: only the latest is sent. Events
// wait in an outbox on the disk (outbox.h), also over a restart; warnings go first and are kept for
// longer.
//
// Threads: "hf-node-watch" and "hf-node-link". All methods from any thread.

#pragma once

#include <functional>
#include <thread>

#include "base/mutex.h"
#include "env/clock.h"
#include "node/mail.h"
#include "node/troubles.h"

namespace hf::node {

class Link final {
public:
    struct Options {
        Duration heartbeat = std::chrono::milliseconds(500);
        std::uint64_t seed = 1;                           // of the pauses
        std::function<void(const api::Object&)> on_node;  // from "hf-node-watch"
        std::function<void(const Status&)> on_trouble;    // from both, once a kind (troubles.h)
    };

    // REQUIRES: all three outlive this; the outbox is this one's from now on.
    struct World {
        ControlPlane& control_plane;
        Outbox& outbox;
        env::Clock& clock;
    };
    Link(World world, Options options);
    ~Link();  // gives the last status one try

    void publish(json::Object status);
    void tell(const ServiceEvent& event);

    // How often the control plane wants to hear of this node.
    Duration pace() const;

    using Account = MailAccount;
    Account account() const;

private:
    void run_watch();
    void run_link();
    void note(const Status& trouble);

    ControlPlane& control_plane_;
    env::Clock& clock_;
    const Options options_;

    mutable Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    Mail mail_ HF_GUARDED_BY(mutex_);
    Troubles troubles_ HF_GUARDED_BY(mutex_);

    std::thread watch_;
    std::thread link_;
};

}  // namespace hf::node

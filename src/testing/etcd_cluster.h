// A real etcd of one or more members on loopback, with folders of its own, for one test. Members
// end with the test, also when that dies.
//
// Owned by one thread. Where etcd is not installed, installed() says so, and the test is skipped.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "testing/temp_dir.h"

namespace hf::testing {

class EtcdCluster final {
public:
    static bool installed();

    // Starts the members and waits until all serve clients. REQUIRES: installed().
    explicit EtcdCluster(std::size_t members = 1);
    ~EtcdCluster();
    EtcdCluster(const EtcdCluster&) = delete;
    EtcdCluster& operator=(const EtcdCluster&) = delete;

    std::size_t size() const { return members_.size(); }

    std::string endpoint(std::size_t member) const;  // "127.0.0.1:34567"
    std::string url() const;                         // "etcd://127.0.0.1:34567,..."

    void kill(std::size_t member);     // -9
    void pause(std::size_t member);    // SIGSTOP
    void resume(std::size_t member);   // SIGCONT
    void restart(std::size_t member);  // after kill(); does not wait until it serves

    // Whether it has said that it serves clients since it was started last.
    bool serves(std::size_t member) const;

    // Which member leads, as etcdctl's endpoint says; size() when none does.
    std::size_t leader() const;

private:
    struct Member {
        std::uint16_t client_port = 0, peer_port = 0;
        pid_t pid = -1;
        int starts = 0;
    };
    std::string log_path(std::size_t member) const;
    void start(std::size_t member);

    TempDir folder_;
    std::vector<Member> members_;
};

}  // namespace hf::testing

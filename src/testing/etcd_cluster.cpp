#include "testing/etcd_cluster.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/check.h"

namespace hf::testing {
namespace {

constexpr const char* kProgram = "/usr/bin/etcd";
constexpr int kStartTries = 1500;  // of 20 ms each
constexpr int kLookEveryMs = 20;

// A port that is free now. Held until all of a cluster's are chosen, so that they differ.
class FreePort final {
public:
    FreePort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        HF_CHECK(::bind(socket_, any, size) == 0, "no port is free");
        HF_CHECK(::getsockname(socket_, any, &size) == 0, "a socket without a name");
        port_ = ntohs(address.sin_port);
    }
    ~FreePort() { ::close(socket_); }
    FreePort(const FreePort&) = delete;
    FreePort& operator=(const FreePort&) = delete;

    std::uint16_t port() const { return port_; }

private:
    int socket_;
    std::uint16_t port_ = 0;
};

std::string loopback(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

// Runs in the child: only what is safe between fork and exec.
[[noreturn]] void become(char* const* words, const char* log) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int file = ::open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file >= 0) {
        ::dup2(file, STDOUT_FILENO);
        ::dup2(file, STDERR_FILENO);
    }
    ::execv(words[0], words);
    ::_exit(127);
}

}  // namespace

bool EtcdCluster::installed() {
    return ::access(kProgram, X_OK) == 0;
}

EtcdCluster::EtcdCluster(std::size_t members) : members_(members) {
    {
        std::vector<FreePort> ports(2 * members);
        for (std::size_t i = 0; i < members; ++i) {
            members_[i].client_port = ports[2 * i].port();
            members_[i].peer_port = ports[2 * i + 1].port();
        }
    }
    for (std::size_t i = 0; i < members; ++i) start(i);
    for (std::size_t i = 0; i < members; ++i) {
        int tries = 0;
        for (; tries < kStartTries && !serves(i); ++tries) ::poll(nullptr, 0, kLookEveryMs);
        HF_CHECK(tries < kStartTries, "etcd does not start");
    }
}

EtcdCluster::~EtcdCluster() {
    for (std::size_t i = 0; i < members_.size(); ++i) kill(i);
}

std::string EtcdCluster::endpoint(std::size_t member) const {
    return loopback(members_[member].client_port);
}

std::string EtcdCluster::url() const {
    std::string text = "etcd://";
    for (std::size_t i = 0; i < members_.size(); ++i) text += (i ? "," : "") + endpoint(i);
    return text;
}

std::string EtcdCluster::log_path(std::size_t member) const {
    return folder_ /
           ("log" + std::to_string(member) + "." + std::to_string(members_[member].starts));
}

void EtcdCluster::start(std::size_t member) {
    Member& self = members_[member];
    ++self.starts;
    std::string cluster;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (i > 0) cluster += ",";
        cluster += "m" + std::to_string(i) + "=http://" + loopback(members_[i].peer_port);
    }
    const std::string name = "m" + std::to_string(member);
    const std::string client = "http://" + loopback(self.client_port);
    const std::string peer = "http://" + loopback(self.peer_port);
    std::vector<std::string> words{kProgram,
                                   "--name=" + name,
                                   "--data-dir=" + (folder_ / name),
                                   "--listen-client-urls=" + client,
                                   "--advertise-client-urls=" + client,
                                   "--listen-peer-urls=" + peer,
                                   "--initial-advertise-peer-urls=" + peer,
                                   "--initial-cluster=" + cluster,
                                   "--logger=zap"};
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const std::string log = log_path(member);
    self.pid = ::fork();
    HF_CHECK(self.pid >= 0, "fork failed");
    if (self.pid == 0) become(pointers.data(), log.c_str());
}

bool EtcdCluster::serves(std::size_t member) const {
    std::ifstream file(log_path(member));
    std::stringstream text;
    text << file.rdbuf();
    return text.str().find("serving client traffic") != std::string::npos;
}

void EtcdCluster::kill(std::size_t member) {
    Member& self = members_[member];
    if (self.pid < 0) return;
    ::kill(self.pid, SIGKILL);
    ::waitpid(self.pid, nullptr, 0);
    self.pid = -1;
}

void EtcdCluster::pause(std::size_t member) {
    ::kill(members_[member].pid, SIGSTOP);
    // It goes on until the last of its threads has seen the signal.
    int status = 0;
    while (::waitpid(members_[member].pid, &status, WUNTRACED) >= 0 && !WIFSTOPPED(status)) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) break;
    }
}

void EtcdCluster::resume(std::size_t member) {
    ::kill(members_[member].pid, SIGCONT);
}

void EtcdCluster::restart(std::size_t member) {
    start(member);
}

std::size_t EtcdCluster::leader() const {
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].pid < 0) continue;
        const std::string command =
            "curl -s -m 2 http://" + endpoint(i) + "/metrics | grep -c '^etcd_server_is_leader 1'";
        FILE* const pipe = ::popen(command.c_str(), "r");
        std::array<char, 16> line{};
        const bool leads = pipe && std::fgets(line.data(), line.size(), pipe) && line[0] == '1';
        if (pipe) ::pclose(pipe);
        if (leads) return i;
    }
    return members_.size();
}

}  // namespace hf::testing

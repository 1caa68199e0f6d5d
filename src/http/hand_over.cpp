#include "http/hand_over.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace hf::http {
namespace {

constexpr std::string_view kGreeting = "holdfast hand-over 1\n";
constexpr std::string_view kReady = "ready\n";
constexpr Duration kAnswerPatience = std::chrono::seconds(5);
constexpr int kHeirsWaiting = 4;

class Descriptor final {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }

private:
    int fd_;
};

std::string reason() {
    return std::generic_category().message(errno);
}

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return invalid_argument("'{}': the path of a socket has 1 to {} characters", path,
                                sizeof address.sun_path - 1);
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* as_address(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

// Of the process at the other end.
bool is_same_user(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

// Whether there is something to read, or the end, before that much time has passed.
bool comes_within(int fd, Duration patience) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
    pollfd asked{fd, POLLIN, 0};
    int result = 0;
    do {
        result = ::poll(&asked, 1, static_cast<int>(left));
    } while (result < 0 && errno == EINTR);
    return result > 0;
}

bool send_all(int fd, std::string_view text) {
    return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// Room for one descriptor beside the bytes of a message.
struct Control {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

bool send_descriptor(int fd, std::string_view text, int descriptor) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    Control control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return ::sendmsg(fd, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// The descriptor that comes with the greeting.
std::optional<Descriptor> receive_descriptor(int fd) {
    std::array<char, kGreeting.size()> text{};
    iovec part{text.data(), text.size()};
    Control control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    const ssize_t count = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    std::optional<Descriptor> received;
    const cmsghdr* const header = count < 0 ? nullptr : CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
        received.emplace(descriptor);
    }
    const bool greeted = count == static_cast<ssize_t>(kGreeting.size()) &&
                         std::string_view(text.data(), text.size()) == kGreeting;
    return greeted ? std::move(received) : std::nullopt;
}

class FoundPredecessor final : public Predecessor {
public:
    FoundPredecessor(Descriptor connection, Descriptor listener, std::string path)
        : connection_(std::move(connection)),
          listener_(std::move(listener)),
          path_(std::move(path)) {}

    int listener() const override { return listener_.get(); }

    Status let_go() override {
        if (send_all(connection_.get(), kReady)) return {};
        return unavailable("hand-over {}: the server that is replaced went away: {}", path_,
                           reason());
    }

    Status wait_for_end(Duration patience) override {
        if (comes_within(connection_.get(), patience)) return {};
        return deadline_exceeded("hand-over {}: the server that is replaced has not ended", path_);
    }

private:
    const Descriptor connection_;
    const Descriptor listener_;
    const std::string path_;
};

class ListeningHeirs final : public Heirs {
public:
    ListeningHeirs(Descriptor door, Descriptor stop, int listener, std::function<void()> replaced)
        : door_(std::move(door)),
          stop_(std::move(stop)),
          listener_(listener),
          replaced_(std::move(replaced)),
          thread_([this] { run(); }) {}

    ~ListeningHeirs() override {
        const std::uint64_t one = 1;
        (void)!::write(stop_.get(), &one, sizeof one);
        thread_.join();
    }

private:
    // Whether `fd` has something, before this is to end.
    bool wait_for(int fd) {
        for (;;) {
            std::array<pollfd, 2> asked{pollfd{fd, POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
            const int result = ::poll(asked.data(), asked.size(), -1);
            if (result < 0 && errno == EINTR) continue;
            return result > 0 && asked[1].revents == 0;
        }
    }

    void run() {
        pthread_setname_np(pthread_self(), "hf-hand-over");
        while (wait_for(door_.get())) {
            Descriptor heir(::accept4(door_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!heir.is_open() || !is_same_user(heir.get())) continue;
            if (!send_descriptor(heir.get(), kGreeting, listener_)) continue;
            if (!wait_for(heir.get())) return;
            std::array<char, kReady.size()> said{};
            const ssize_t count = ::recv(heir.get(), said.data(), said.size(), MSG_DONTWAIT);
            if (std::string_view(said.data(), count > 0 ? static_cast<std::size_t>(count) : 0) !=
                kReady) {
                continue;
            }
            heir_ = std::move(heir);  // who reads the end of it when this is destroyed
            replaced_();
            return;
        }
    }

    const Descriptor door_;
    const Descriptor stop_;
    const int listener_;
    const std::function<void()> replaced_;
    Descriptor heir_;
    std::thread thread_;  // the last: it uses the others
};

}  // namespace

Result<std::unique_ptr<Predecessor>> Predecessor::find(const std::string& path) {
    const sockaddr_un address = HF_TRY(address_of(path).context("hand-over"));
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return std::unique_ptr<Predecessor>();
        return unavailable("hand-over {}: {}", path, reason());
    }
    if (!S_ISSOCK(status.st_mode)) {
        return failed_precondition("hand-over {}: is no socket; name another path", path);
    }
    Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!connection.is_open()) return unavailable("hand-over {}: {}", path, reason());
    if (::connect(connection.get(), as_address(address), sizeof address) != 0) {
        if (errno == ECONNREFUSED) return std::unique_ptr<Predecessor>();
        return unavailable("hand-over {}: {}", path, reason());
    }
    if (!is_same_user(connection.get())) {
        return failed_precondition("hand-over {}: the server there is another user's", path);
    }
    std::optional<Descriptor> listener;
    if (comes_within(connection.get(), kAnswerPatience)) {
        listener = receive_descriptor(connection.get());
    }
    if (!listener) {
        return unavailable("hand-over {}: who listens there gives no socket; is it a server?",
                           path);
    }
    return std::unique_ptr<Predecessor>(
        std::make_unique<FoundPredecessor>(std::move(connection), std::move(*listener), path));
}

Result<std::unique_ptr<Heirs>> Heirs::await(const std::string& path, int listener,
                                            std::function<void()> replaced) {
    // Made beside it and moved there, so that there is always a whole one. Not umask, which is the
    // process's: nobody can connect before listen(), and by then the mode is set.
    const std::string beside = fmt::format("{}.{}", path, ::getpid());
    const sockaddr_un address = HF_TRY(address_of(beside).context("hand-over"));
    Descriptor door(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Descriptor stop(::eventfd(0, EFD_CLOEXEC));
    if (!door.is_open() || !stop.is_open()) return unavailable("hand-over {}: {}", path, reason());
    ::unlink(beside.c_str());
    const bool there = ::bind(door.get(), as_address(address), sizeof address) == 0 &&
                       ::chmod(beside.c_str(), S_IRUSR | S_IWUSR) == 0 &&
                       ::listen(door.get(), kHeirsWaiting) == 0 &&
                       ::rename(beside.c_str(), path.c_str()) == 0;
    if (!there) {
        Status failed = unavailable("hand-over {}: {}", path, reason());
        ::unlink(beside.c_str());
        return failed;
    }
    return std::unique_ptr<Heirs>(std::make_unique<ListeningHeirs>(std::move(door), std::move(stop),
                                                                   listener, std::move(replaced)));
}

}  // namespace hf::http

// Many machines at once on one thread: see machine.h and run.sh.
//
// fleet_agents HOST:PORT ROOT_PEM TOKENS N SEED: TOKENS is a file of join tokens, a line each, for
// 1,000 machines. Commands come on standard input, one a line, and each is answered with one line:
// `enrol`, `join`, `orders COUNT` (until so many reports of a version that the machine did not have
// before were taken), `connected` (until all watches are open again), `end`.

#include <sys/resource.h>

#include <cstdio>
#include <iostream>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"
#include "machine.h"
#include "posix/clock.h"
#include "posix/files.h"

namespace hf::fleet {
namespace {

namespace asio = boost::asio;

// What this program itself has used, so that it can be told from the server's part.
std::string own_use() {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    return fmt::format("load program: {}.{:01} s of a processor, {} MiB",
                       use.ru_utime.tv_sec + use.ru_stime.tv_sec,
                       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 100'000 % 10,
                       use.ru_maxrss >> 10);
}

class Bench final {
public:
    Bench(Fleet& fleet, std::size_t count) : fleet_(fleet) {
        for (std::size_t i = 0; i < count; ++i)
            machines_.push_back(std::make_unique<Machine>(fleet, i));
        fleet_.on_news = [this] { look(); };
    }

    void command(const std::string& line) {
        begun_ = clock_.monotonic();
        if (line.starts_with("enrol")) {
            for (const auto& machine : machines_)
                asio::co_spawn(fleet_.loop, machine->join(), asio::detached);
            until_ = [this] {
                while (enrolled_ < machines_.size() && machines_[enrolled_]->is_joined())
                    ++enrolled_;
                return enrolled_ == machines_.size();
            };
        } else if (line.starts_with("join")) {
            for (const auto& machine : machines_) {
                asio::co_spawn(fleet_.loop, machine->watch_for_ever(), asio::detached);
                asio::co_spawn(fleet_.loop, machine->speak_for_ever(), asio::detached);
            }
            until_ = [this] {
                return fleet_.open == machines_.size() && fleet_.said == machines_.size();
            };
        } else if (line.starts_with("orders ")) {
            const std::size_t count = std::strtoul(line.c_str() + 7, nullptr, 10);
            fleet_.reports = 0;
            until_ = [this, count] { return fleet_.reports >= count; };
        } else if (line.starts_with("connected")) {
            lost_ = false;
            until_ = [this] {
                lost_ = lost_ || fleet_.open < machines_.size();
                return lost_ && fleet_.open == machines_.size();
            };
        } else {
            fleet_.loop.stop();
        }
        look();
    }

private:
    void look() {
        if (!until_ || !until_()) return;
        until_ = nullptr;
        const auto took = clock_.monotonic() - begun_;
        fmt::print("{:.1f} s ({})\n", std::chrono::duration<double>(took).count(), own_use());
        std::fflush(stdout);
    }

    Fleet& fleet_;
    posix::RealClock clock_;
    std::vector<std::unique_ptr<Machine>> machines_;
    std::size_t enrolled_ = 0;
    bool lost_ = false;
    Duration begun_{};
    std::function<bool()> until_;
};

std::string read_file(const char* path) {
    posix::RealFiles files;
    const Bytes bytes = files.read(path, 1u << 20).value();
    return std::string(as_text(bytes));
}

int run(char** arguments) {
    const std::string_view address = arguments[1];
    const std::size_t colon = address.find(':');
    const boost::asio::ip::tcp::endpoint server(
        boost::asio::ip::make_address(std::string(address.substr(0, colon))),
        static_cast<std::uint16_t>(std::strtoul(arguments[1] + colon + 1, nullptr, 10)));
    Fleet fleet(server, read_file(arguments[2]), std::strtoul(arguments[5], nullptr, 10));
    const std::string tokens = read_file(arguments[3]);
    for (std::size_t at = 0, end = 0; (end = tokens.find('\n', at)) != std::string::npos;
         at = end + 1)
        fleet.tokens.push_back(tokens.substr(at, end - at));
    Bench bench(fleet, std::strtoul(arguments[4], nullptr, 10));
    const auto working = asio::make_work_guard(fleet.loop);
    std::thread commands([&] {
        std::string line;
        while (std::getline(std::cin, line))
            asio::post(fleet.loop, [&bench, line] { bench.command(line); });
        asio::post(fleet.loop, [&bench] { bench.command("end"); });
    });
    fleet.loop.run();
    commands.join();
    return 0;
}

}  // namespace
}  // namespace hf::fleet

int main(int count, char** arguments) {
    if (count != 6) {
        std::fputs("usage: fleet_agents HOST:PORT ROOT_PEM TOKENS N SEED\n", stderr);
        return 2;
    }
    return hf::fleet::run(arguments);
}

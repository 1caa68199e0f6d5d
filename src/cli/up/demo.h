// The first minute: a simulated pump gets a detector, which is signed, pushed, applied and served;
// then the pump's readings are judged as they come, and after a while its bearing begins to wear.
//
// Everything is done by the very commands that a user would type, through the instance's own doors,
// and each is shown with the time since the start. The data folder keeps what was made, so that a
// second run finds it.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/up/instance.h"

namespace hf::cli {

// Tells what happens: for people a line, for scripts an object.
class Narrator final {
public:
    Narrator(World& world, Duration start, bool json) : world_(world), start_(start), json_(json) {}

    // A step that is done, under a stable name, with what is to be said of it.
    void step(std::string_view name, const std::string& text);

    // Only for people.
    void say(const std::string& text);

    double seconds() const;
    bool json() const { return json_; }

private:
    World& world_;
    const Duration start_;  // on the monotonic clock
    const bool json_;
};

struct DemoResult {
    double first_verified_s = -1;  // since the start; -1: none
    std::uint64_t predictions = 0;
    std::uint64_t alerts = 0;
    std::string last_receipt;
};

class Demo {
public:
    virtual ~Demo() = default;

    // Builds, signs, pushes and serves the detector, and checks the first prediction's receipt.
    static Result<std::unique_ptr<Demo>> prepare(World& world, Instance& instance,
                                                 Narrator& narrator);

    // One reading of the pump, judged by the service.
    virtual Status next_reading() = 0;

    virtual const DemoResult& result() const = 0;

    // Commands that work now, one a line.
    virtual std::string what_to_try() const = 0;
};

// Between two readings of the pump, which are five minutes of its own time apart.
inline constexpr Duration kDemoPace = std::chrono::milliseconds(100);

}  // namespace hf::cli

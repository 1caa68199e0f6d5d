// Profile: what this machine was measured to do, for its Node's status. Measured once for a
// processor, a number of processors and a version of Holdfast, kept in a file, and measured again
// when one of these changes or somebody asks. Every number in it was measured; where there is no
// meter, there is no number.
//
// measured_profile() takes up to kProfileTakes on the calling thread, which it makes the least
// urgent one there is; the caller gives it one of its own. Damaged files are measured anew; a
// profile that cannot be kept is still answered.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "env/clock.h"
#include "env/files.h"
#include "env/power.h"
#include "runtime/machine_speed.h"

namespace hf::node {

inline constexpr Duration kProfileTakes = std::chrono::milliseconds(900);

// What a profile is valid for.
struct ProfileKey {
    std::string processor;  // its model
    std::int64_t cpus = 0;
    std::string version;  // of Holdfast
    friend bool operator==(const ProfileKey&, const ProfileKey&) = default;
};

struct Profile {
    ProfileKey key;
    runtime::MachineSpeed speed;
    std::string power_meter;                 // empty: there is none
    std::optional<std::int64_t> milliwatts;  // of the whole machine's processors, while it ran
    Instant measured;
    friend bool operator==(const Profile&, const Profile&) = default;
};

std::string write_profile(const Profile& profile);

// INVALID_ARGUMENT names what is missing.
Result<Profile> read_profile(std::string_view text);

// As Node.status.profile has it.
json::Object profile_status(const Profile& profile);

struct ProfileWorld {
    env::Files& files;
    env::Clock& clock;
    env::PowerMeter* meter = nullptr;  // null: there is none
};

struct ProfileOptions {
    std::string path;   // where it is kept
    bool anew = false;  // whatever is kept
    runtime::SpeedOptions speed = {kProfileTakes / 3, 32u << 20};
};

Profile measured_profile(const ProfileWorld& world, const ProfileKey& key,
                         const ProfileOptions& options);

}  // namespace hf::node

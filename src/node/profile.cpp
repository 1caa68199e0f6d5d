#include "node/profile.h"

#include <sys/resource.h>
#include <unistd.h>

namespace hf::node {
namespace {

constexpr std::uint64_t kMaxProfileBytes = 64u << 10;
constexpr int kLeastUrgent = 19;

Result<std::int64_t> need_count(const json::Value& value, std::string_view name) {
    const std::int64_t count = json::get_int(value, name, -1);
    if (count < 0) return invalid_argument("{} is missing or no count", name);
    return count;
}

std::optional<Profile> kept(const ProfileWorld& world, const ProfileKey& key,
                            const std::string& path) {
    const Result<Bytes> bytes = world.files.read(path, kMaxProfileBytes);
    if (!bytes.ok()) return std::nullopt;
    Result<Profile> profile = read_profile(as_text(*bytes));
    if (!profile.ok() || profile->key != key) return std::nullopt;
    return std::move(*profile);
}

Profile measure(const ProfileWorld& world, const ProfileKey& key,
                const runtime::SpeedOptions& options) {
    // On Linux this concerns the calling thread alone. Where it is refused, it is merely unkind.
    static_cast<void>(::setpriority(PRIO_PROCESS, 0, kLeastUrgent));
    Profile profile;
    profile.key = key;
    profile.measured = world.clock.now();
    const Result<std::uint64_t> before =
        world.meter ? world.meter->used_microjoules() : unavailable("no meter");
    const Duration start = world.clock.monotonic();
    profile.speed = runtime::measure_speed(world.clock, options);
    if (!before.ok()) return profile;
    const Result<std::uint64_t> after = world.meter->used_microjoules();
    const double seconds = std::chrono::duration<double>(world.clock.monotonic() - start).count();
    if (!after.ok() || seconds <= 0) return profile;
    profile.power_meter = world.meter->name();
    profile.milliwatts =
        static_cast<std::int64_t>(static_cast<double>(*after - *before) / 1e3 / seconds);
    return profile;
}

}  // namespace

std::string write_profile(const Profile& profile) {
    return json::write_pretty(profile_status(profile));
}

Result<Profile> read_profile(std::string_view text) {
    const json::Value value = HF_TRY(json::parse(text, kMaxProfileBytes));
    Profile profile;
    profile.key.processor = HF_TRY(json::need_string(value, "processor"));
    profile.key.cpus = HF_TRY(need_count(value, "cpus"));
    profile.key.version = HF_TRY(json::need_string(value, "version"));
    profile.speed.f32_megaops = HF_TRY(need_count(value, "float32MegaopsPerSecond"));
    profile.speed.i8_megaops = HF_TRY(need_count(value, "int8MegaopsPerSecond"));
    profile.speed.copy_megabytes = HF_TRY(need_count(value, "memoryMegabytesPerSecond"));
    profile.power_meter = std::string(json::get_string(value, "powerMeter"));
    if (!profile.power_meter.empty()) {
        profile.milliwatts = HF_TRY(need_count(value, "milliwatts"));
    }
    const std::string measured = HF_TRY(json::need_string(value, "measuredTime"));
    profile.measured = HF_TRY(parse_rfc3339(measured).context("measuredTime"));
    return profile;
}

json::Object profile_status(const Profile& profile) {
    json::Object status{{"how", "measured"},
                        {"measuredTime", format_rfc3339(profile.measured)},
                        {"processor", profile.key.processor},
                        {"cpus", profile.key.cpus},
                        {"version", profile.key.version},
                        {"float32MegaopsPerSecond", profile.speed.f32_megaops},
                        {"int8MegaopsPerSecond", profile.speed.i8_megaops},
                        {"memoryMegabytesPerSecond", profile.speed.copy_megabytes}};
    if (profile.milliwatts) {
        status["powerMeter"] = profile.power_meter;
        status["milliwatts"] = *profile.milliwatts;
    }
    return status;
}

Profile measured_profile(const ProfileWorld& world, const ProfileKey& key,
                         const ProfileOptions& options) {
    if (!options.anew) {
        std::optional<Profile> known = kept(world, key, options.path);
        if (known) return std::move(*known);
    }
    Profile profile = measure(world, key, options.speed);
    const std::string text = write_profile(profile);
    const Status measured_again_at_the_next_start = world.files.write(options.path, as_bytes(text));
    static_cast<void>(measured_again_at_the_next_start);
    return profile;
}

}  // namespace hf::node

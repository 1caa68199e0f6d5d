#include "env/time_zones.h"

#include <fmt/format.h>

namespace hf::env {

Result<TimeZone> read_time_zone(Files& files, std::string_view name) {
    if (!is_time_zone_name(name)) {
        return invalid_argument("'{}' cannot be a time zone: want a name as in 'Europe/Berlin'",
                                name.substr(0, kTimeZoneNameBytesMax));
    }
    const std::string path = fmt::format("/usr/share/zoneinfo/{}", name);
    const Result<Bytes> bytes = files.read(path, kTimeZoneBytesMax);
    if (!bytes.ok()) {
        return not_found(
            "this machine does not know the time zone '{}' ({}): install tzdata, or say "
            "utcOffsetMinutes instead",
            name, bytes.status().message());
    }
    return TimeZone::parse(*bytes).context("{}", path);
}

}  // namespace hf::env

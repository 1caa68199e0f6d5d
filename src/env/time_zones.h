// The time zones that this machine knows: compiled files below /usr/share/zoneinfo, which the
// system's package `tzdata` brings, and which small systems may lack.

#pragma once

#include <string_view>

#include "base/time_zone.h"
#include "env/files.h"

namespace hf::env {

// By IANA name. INVALID_ARGUMENT when it cannot be one or its file does not read; NOT_FOUND says
// what to install, or to write instead.
Result<TimeZone> read_time_zone(Files& files, std::string_view name);

}  // namespace hf::env

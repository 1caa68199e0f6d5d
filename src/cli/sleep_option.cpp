#include "cli/sleep_option.h"

namespace hf::cli {
namespace {

constexpr std::int64_t kSecondsMost = 7 * 24 * 3600;

}  // namespace

Option sleep_option() {
    return {"--sleep-after",
            "let the memory of a model go that nobody has asked for so long; the next request "
            "wakes it",
            "SECONDS"};
}

Result<std::optional<Duration>> sleep_after_of(const Arguments& arguments) {
    if (!arguments.has("sleep-after")) return std::optional<Duration>();
    const std::int64_t seconds = HF_TRY(arguments.integer("sleep-after", 1, kSecondsMost));
    return std::optional<Duration>(std::chrono::seconds(seconds));
}

}  // namespace hf::cli

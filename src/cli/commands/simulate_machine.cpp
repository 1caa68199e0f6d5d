#include "base/text.h"
#include "cli/commands.h"
#include "stream/simulated_machine.h"

namespace hf::cli {
namespace {

constexpr std::int64_t kMaxRows = 10'000'000;
constexpr std::int64_t kMaxHours = 24 * 366 * 20;

Result<Duration> duration(const Arguments& arguments, const std::string& name) {
    const Duration value = HF_TRY(parse_duration(arguments.get(name)).context("--{}", name));
    if (value > Duration::zero()) return value;
    return invalid_argument("--{}: want more than nothing", name);
}

Status run(World& world, const Arguments& arguments) {
    stream::MachineOptions options;
    options.start = HF_TRY(parse_rfc3339(arguments.get("start")).context("--start"));
    options.step = HF_TRY(duration(arguments, "step"));
    options.fault_growth = HF_TRY(duration(arguments, "fault-growth"));
    if (arguments.has("fault-at")) {
        options.fault_at = std::chrono::hours(HF_TRY(arguments.integer("fault-at", 0, kMaxHours)));
    }
    const std::chrono::hours length(HF_TRY(arguments.integer("hours", 1, kMaxHours)));
    const std::int64_t seed = HF_TRY(arguments.integer("seed", 0, INT64_MAX));
    const std::int64_t rows = Duration(length) / options.step;
    if (rows < 1 || rows > kMaxRows) {
        return invalid_argument("{} rows: --hours over --step must give 1 to {}", rows, kMaxRows);
    }
    stream::SimulatedMachine machine(options, Rng(static_cast<std::uint64_t>(seed)));
    const std::unique_ptr<env::FileWriter> writer =
        HF_TRY(world.files.create(arguments.get("output"), env::Access::kShared));
    HF_TRY(writer->append(as_bytes("time,vibration_mm_s,temperature_c,fault_severity\n")));
    for (std::int64_t i = 0; i < rows; ++i) {
        const stream::MachineReading reading = machine.next();
        const std::string line =
            fmt::format("{},{:.4f},{:.4f},{:.4f}\n", format_rfc3339(reading.time),
                        reading.vibration_mm_s, reading.temperature_c, reading.severity);
        HF_TRY(writer->append(as_bytes(line)));
    }
    HF_TRY(writer->commit());
    world.out(
        fmt::format("wrote {}: {} rows from {}, {}\n", arguments.get("output"), rows,
                    format_rfc3339(options.start),
                    arguments.has("fault-at")
                        ? "a bearing fault from " + format_rfc3339(options.start + options.fault_at)
                        : std::string("without a fault")));
    return {};
}

}  // namespace

Command simulate_machine_command() {
    return {"simulate machine",
            "Writes what the sensors of a simulated pump show, with a bearing fault if wanted",
            {},
            {{"-o,--output", "where the CSV file goes", "FILE", "", false, true},
             {"--hours", "how long", "H", "336"},
             {"--fault-at", "a bearing begins to wear this many hours after the start", "H"},
             {"--fault-growth", "until it is worn out", "DURATION", "24h"},
             {"--step", "between samples", "DURATION", "5m"},
             {"--start", "time of the first sample", "TIME", "2026-01-01T00:00:00Z"},
             {"--seed", "the same seed gives the same file", "N", "1"}},
            {"holdfast simulate machine --hours 400 --fault-at 350 -o pump.csv"},
            run};
}

}  // namespace hf::cli

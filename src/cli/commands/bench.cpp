#include <algorithm>
#include <thread>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_file.h"
#include "cli/tensor_file.h"

namespace hf::cli {
namespace {

constexpr std::size_t kMaxRuns = 10'000'000;  // of all sessions
constexpr std::int64_t kMaxSessions = 256;

double microseconds(Duration duration) {
    return std::chrono::duration<double, std::micro>(duration).count();
}

struct Timings {
    double first_us = 0;
    double cpu_us = 0;  // of a run, on average, in its session's own thread
    std::vector<double> sorted_us;
    double quantile(double q) const {
        const auto last = static_cast<double>(sorted_us.size() - 1);
        return sorted_us[static_cast<std::size_t>(q * last)];
    }
};

// What is measured: the same inputs again and again, by so many sessions at a time.
struct Load {
    const runtime::CompiledModel& model;
    std::span<const Tensor> inputs;
    Duration length;
    std::size_t sessions;
    std::shared_ptr<runtime::Crew> crew;
};

Result<double> time_once(World& world, runtime::Session& session, std::span<const Tensor> inputs) {
    const Duration start = world.clock.monotonic();
    HF_TRY(session.run(inputs));
    return microseconds(world.clock.monotonic() - start);
}

struct SessionTimes {
    std::vector<double> runs_us;
    double cpu_us = 0;  // of all runs
};

// One session until the time is over.
Result<SessionTimes> measure_session(World& world, const Load& load, runtime::Session& session) {
    SessionTimes times;
    const Duration cpu = world.clock.thread_cpu();
    const Duration end = world.clock.monotonic() + load.length;
    do {
        times.runs_us.push_back(HF_TRY(time_once(world, session, load.inputs)));
    } while (world.clock.monotonic() < end && times.runs_us.size() < kMaxRuns / load.sessions);
    times.cpu_us = microseconds(world.clock.thread_cpu() - cpu);
    return times;
}

Result<Timings> measure(World& world, const Load& load) {
    std::vector<std::unique_ptr<runtime::Session>> sessions;
    for (std::size_t i = 0; i < load.sessions; ++i) {
        sessions.push_back(HF_TRY(load.model.new_session()));
        sessions.back()->use(load.crew);
    }
    Timings timings;
    timings.first_us = HF_TRY(time_once(world, *sessions.front(), load.inputs));
    std::vector<Result<SessionTimes>> found(load.sessions, SessionTimes());
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < load.sessions; ++i) {
        threads.emplace_back([&, i] { found[i] = measure_session(world, load, *sessions[i]); });
    }
    found[0] = measure_session(world, load, *sessions[0]);
    for (std::thread& thread : threads) thread.join();
    for (auto& each : found) {
        const SessionTimes times = HF_TRY(std::move(each));
        timings.sorted_us.insert(timings.sorted_us.end(), times.runs_us.begin(),
                                 times.runs_us.end());
        timings.cpu_us += times.cpu_us;
    }
    timings.cpu_us /= static_cast<double>(timings.sorted_us.size());
    std::sort(timings.sorted_us.begin(), timings.sorted_us.end());
    return timings;
}

// VmHWM of /proc/self/status; 0 where there is no such file.
std::uint64_t peak_rss_bytes(World& world) {
    const Result<std::string> status = world.process_status();
    const std::size_t at = status.ok() ? status->find("VmHWM:") : std::string::npos;
    if (at == std::string::npos) return 0;
    const std::size_t digits = status->find_first_of("0123456789", at);
    const std::size_t end = status->find_first_not_of("0123456789", digits);
    const Result<std::int64_t> kib = parse_int(status->substr(digits, end - digits));
    return kib.ok() ? static_cast<std::uint64_t>(*kib) * 1024 : 0;
}

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("FILE");
    const Duration length = HF_TRY(seconds_option(arguments, "seconds"));
    const LoadedModel loaded = HF_TRY(load_model(world, path, arguments));
    const std::vector<Tensor> inputs =
        HF_TRY(read_inputs(world, loaded.model->signature(), arguments.all("input"), "random"));
    const std::int64_t sessions = HF_TRY(arguments.integer("sessions", 1, kMaxSessions));
    const std::shared_ptr<runtime::Crew> crew = HF_TRY(make_crew(world, arguments));
    const Timings timings = HF_TRY(
        measure(world, {*loaded.model, inputs, length, static_cast<std::size_t>(sessions), crew}));
    const std::size_t runs = timings.sorted_us.size();
    if (arguments.flag("json")) {
        json::Object row{{"model", path},
                         {"device", std::string(loaded.model->device())},
                         {"sessions", sessions},
                         {"threads", crew ? crew->threads() : 1},
                         {"runs", runs},
                         {"min_us", timings.sorted_us.front()},
                         {"p50_us", timings.quantile(0.5)},
                         {"p99_us", timings.quantile(0.99)},
                         {"cpu_us", timings.cpu_us},
                         {"load_ms", loaded.load_ms},
                         {"first_us", timings.first_us},
                         {"peak_rss_bytes", peak_rss_bytes(world)},
                         {"macs", loaded.report.macs},
                         {"how", "measured"}};
        world.out(json::write(row) + "\n");
        return {};
    }
    world.out(fmt::format(
        "{} on {}: {} runs, min {:.1f} us, p50 {:.1f} us, p99 {:.1f} us; load "
        "{:.2f} ms, first run {:.1f} us (measured)\n",
        path, loaded.model->device(), runs, timings.sorted_us.front(), timings.quantile(0.5),
        timings.quantile(0.99), loaded.load_ms, timings.first_us));
    return {};
}

}  // namespace

Command bench_command() {
    std::vector<Option> options{
        {"--seconds", "how long to measure", "S", "2"},
        threads_option(),
        {"--sessions",
         "inferences at a time, each begun by a thread of its own; one of them has the threads of "
         "--threads",
         "N", "1"},
        {"-i,--input", "as for run; random by default", "NAME=SOURCE", "", true}};
    for (Option& option : device_options()) options.push_back(std::move(option));
    options.push_back({"--json", "as JSON", ""});
    return {"bench",
            "Measures the latency of a model on this machine",
            {{"FILE", "an ONNX or TFLite model, or a plan"}},
            std::move(options),
            {"holdfast bench model.onnx --seconds 5", "holdfast bench model.onnx --json",
             "holdfast bench model.onnx --threads 0",
             "holdfast bench model.onnx --op-device Conv=onnxruntime"},
            run};
}

}  // namespace hf::cli

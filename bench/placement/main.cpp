// placement_bench DATA [--json] [--seeds N]; see run.sh.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "base/json.h"
#include "fleet.h"
#include "openb.h"

namespace hf::bench {
namespace {

struct Options {
    std::string data;
    bool as_json = false;
    int seeds = 10;
};

constexpr std::array kWorkloads{"default", "cpu100", "gpushare40", "gpuspec20", "multigpu30"};

Result<Options> parse(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--json") {
            options.as_json = true;
        } else if (argument == "--seeds" && i + 1 < count) {
            const std::string_view text = arguments[++i];
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), options.seeds);
            if (error != std::errc() || end != text.data() + text.size() || options.seeds < 1 ||
                options.seeds > 1000) {
                return invalid_argument("--seeds {}: want 1 to 1000", text);
            }
        } else if (options.data.empty() && !argument.starts_with("--")) {
            options.data = argument;
        } else {
            return invalid_argument("unknown argument '{}': want DATA [--json] [--seeds N]",
                                    argument);
        }
    }
    if (options.data.empty()) return invalid_argument("DATA is missing: the folder of the trace");
    return options;
}

struct Mean {
    double percent = 0, per_second = 0, evaluations = 0;
};

Mean mean_openb(const Trace& trace, OpenbOptions options, int seeds) {
    Mean mean;
    double placed = 0, seconds = 0;
    for (int i = 0; i < seeds; ++i) {
        options.seed = 42 + static_cast<std::uint64_t>(i);
        const OpenbRun run = run_openb(trace, options);
        mean.percent += run.allocated_percent / seeds;
        placed += static_cast<double>(run.placed);
        seconds += run.seconds;
        mean.evaluations += static_cast<double>(run.evaluations);
    }
    mean.per_second = placed / seconds;
    mean.evaluations /= placed;
    return mean;
}

json::Object to_json(const Mean& mean) {
    json::Object object;
    object["allocated_percent"] = mean.percent;
    object["placements_per_second"] = mean.per_second;
    object["evaluations_per_placement"] = mean.evaluations;
    return object;
}

Result<json::Object> bench_openb(const Options& options, std::string& text) {
    text += fmt::format(
        "GPUs allocated, in percent, when arrivals reach 100 %; {} seeds\n{:12}{:>10}"
        "{:>8}{:>8}{:>8}{:>14}{:>14}\n",
        options.seeds, "workload", "BestFit*", "FGD*", "FGD", "fill", "FGD, 1/s", "fill, 1/s");
    json::Object result;
    for (const char* workload : kWorkloads) {
        const Trace trace = HF_TRY(read_trace(options.data, workload));
        const Published best_fit = HF_TRY(read_published(options.data, workload, "05-BestFit"));
        const Published fgd = HF_TRY(read_published(options.data, workload, "06-FGD"));
        OpenbOptions ours, theirs;
        theirs.fill = false;
        theirs.weights.best_fit = 20;
        const Mean filled = mean_openb(trace, ours, options.seeds);
        const Mean plain = mean_openb(trace, theirs, options.seeds);
        text += fmt::format("{:12}{:>10.2f}{:>8.2f}{:>8.2f}{:>8.2f}{:>14.0f}{:>14.0f}\n", workload,
                            best_fit.mean, fgd.mean, plain.percent, filled.percent,
                            plain.per_second, filled.per_second);
        json::Object row;
        row["published_best_fit_percent"] = best_fit.mean;
        row["published_fgd_percent"] = fgd.mean;
        row["fgd"] = to_json(plain);
        row["fill"] = to_json(filled);
        result[workload] = row;
    }
    text +=
        "* published, 10 seeds; FGD: its measure of fragmentation here; fill: ours, the default; "
        "times are\n  processor time of one thread\n";
    return result;
}

Result<json::Object> bench_fleet(const Options& options, std::string& text) {
    std::vector<FleetRun> runs;
    for (int i = 0; i < options.seeds; ++i) {
        const FleetRun run = HF_TRY(run_fleet(42 + static_cast<std::uint64_t>(i)));
        runs.push_back(run);
    }
    const auto worst = [&](auto member) {
        const auto by = [&](const FleetRun& a, const FleetRun& b) { return a.*member < b.*member; };
        return (*std::max_element(runs.begin(), runs.end(), by)).*member;
    };
    const auto median = [&](double FleetRun::*member) {
        std::sort(runs.begin(), runs.end(),
                  [&](const FleetRun& a, const FleetRun& b) { return a.*member < b.*member; });
        return runs[runs.size() / 2].*member;
    };
    json::Object result;
    result["machines"] = runs[0].machines;
    result["replicas"] = runs[0].replicas;
    result["gpu_load_percent"] = median(&FleetRun::gpu_load_percent);
    result["plan_ms_median"] = 1000 * median(&FleetRun::seconds);
    result["plan_ms_worst"] = 1000 * worst(&FleetRun::seconds);
    result["gap_percent_median"] = median(&FleetRun::gap_percent);
    result["gap_percent_worst"] = worst(&FleetRun::gap_percent);
    result["missing_worst"] = worst(&FleetRun::missing);
    result["again_ms_median"] = 1000 * median(&FleetRun::again_seconds);
    result["displaced_worst"] = worst(&FleetRun::displaced);
    result["moved_needlessly_worst"] = worst(&FleetRun::moved_needlessly);
    result["missing_again_worst"] = worst(&FleetRun::missing_again);
    text += fmt::format(
        "\n{} replicas on {} mixed machines, {} seeds, from nothing, then after 1 % of "
        "the machines is lost\n",
        runs[0].replicas, runs[0].machines, options.seeds);
    for (const auto& [key, value] : result) {
        const double number =
            value.is_double() ? value.get_double() : static_cast<double>(value.get_int64());
        text += fmt::format("  {:24}{:>12.2f}\n", std::string_view(key), number);
    }
    return result;
}

Status run(int count, char** arguments) {
    const Options options = HF_TRY(parse(count, arguments));
    std::string text;
    json::Object result;
    result["openb"] = HF_TRY(bench_openb(options, text));
    result["fleet"] = HF_TRY(bench_fleet(options, text));
    const std::string out = options.as_json ? json::write_pretty(result) : text;
    std::fwrite(out.data(), 1, out.size(), stdout);
    return {};
}

}  // namespace
}  // namespace hf::bench

int main(int count, char** arguments) {
    const hf::Status status = hf::bench::run(count, arguments);
    if (status.ok()) return 0;
    const std::string text = status.to_string() + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
    return 2;
}

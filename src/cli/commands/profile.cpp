#include <algorithm>
#include <map>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/model_file.h"
#include "cli/tensor_file.h"

namespace hf::cli {
namespace {

constexpr std::size_t kMaxProfiledRuns = 100'000;

double microseconds(Duration duration) {
    return std::chrono::duration<double, std::micro>(duration).count();
}

// When each step of one run began and ended.
class Watch final : public runtime::StepObserver {
public:
    Watch(World& world, std::size_t steps) : world_(world), begun_(steps), ended_(steps) {}

    void begin(std::size_t step) override { begun_[step] = world_.clock.monotonic(); }
    void end(std::size_t step) override { ended_[step] = world_.clock.monotonic(); }

    double begun_us(std::size_t step) const { return microseconds(begun_[step] - begun_[0]); }
    double length_us(std::size_t step) const { return microseconds(ended_[step] - begun_[step]); }

private:
    World& world_;
    std::vector<Duration> begun_, ended_;
};

struct StepRow {
    runtime::StepInfo info;
    std::vector<double> times_us;
    double begun_us = 0;  // in the last run

    double median_us() {
        const auto middle =
            times_us.begin() + static_cast<std::ptrdiff_t>((times_us.size() - 1) / 2);
        std::nth_element(times_us.begin(), middle, times_us.end());
        return *middle;
    }
};

struct Profile {
    std::vector<StepRow> steps;
    std::size_t runs = 0;
};

struct Load {
    const runtime::CompiledModel& model;
    std::span<const Tensor> inputs;
    Duration length;
    std::shared_ptr<runtime::Crew> crew;
};

Result<Profile> measure(World& world, const Load& load) {
    const runtime::CompiledModel& model = load.model;
    Profile profile;
    for (runtime::StepInfo& info : model.steps()) profile.steps.push_back({std::move(info), {}, 0});
    if (profile.steps.empty()) {
        return unimplemented("device '{}' has no steps to time; use --device cpu", model.device());
    }
    const std::unique_ptr<runtime::Session> session = HF_TRY(model.new_session());
    session->use(load.crew);
    HF_TRY(session->run(load.inputs));  // memory is touched for the first time
    Watch watch(world, profile.steps.size());
    session->observe(&watch);
    const Duration end = world.clock.monotonic() + load.length;
    do {
        HF_TRY(session->run(load.inputs));
        for (std::size_t i = 0; i < profile.steps.size(); ++i) {
            profile.steps[i].times_us.push_back(watch.length_us(i));
            profile.steps[i].begun_us = watch.begun_us(i);
        }
        ++profile.runs;
    } while (world.clock.monotonic() < end && profile.runs < kMaxProfiledRuns);
    return profile;
}

// The last run, in the trace event format that Perfetto and chrome://tracing open.
json::Object trace_of(const Profile& profile) {
    json::Array events;
    for (const StepRow& step : profile.steps) {
        events.push_back(json::Object{
            {"name", step.info.node},
            {"cat", step.info.kernel},
            {"ph", "X"},
            {"ts", step.begun_us},
            {"dur", step.times_us.back()},
            {"pid", 1},
            {"tid", 1},
            {"args", json::Object{{"kernel", step.info.kernel}, {"output", step.info.output}}}});
    }
    return {{"traceEvents", std::move(events)}, {"displayTimeUnit", "ns"}};
}

std::string text_of(Profile& profile) {
    std::map<std::string, double> kernels_us;
    std::vector<std::pair<double, const runtime::StepInfo*>> steps_us;
    double total_us = 0;
    for (StepRow& step : profile.steps) {
        steps_us.emplace_back(step.median_us(), &step.info);
        kernels_us[step.info.kernel] += steps_us.back().first;
        total_us += steps_us.back().first;
    }
    std::stable_sort(steps_us.begin(), steps_us.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::pair<std::string, double>> by_kernel(kernels_us.begin(), kernels_us.end());
    std::stable_sort(by_kernel.begin(), by_kernel.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    const auto share = [&](double us) { return total_us > 0 ? 100 * us / total_us : 0.0; };
    std::string text =
        fmt::format("{} runs, medians add up to {:.1f} us (measured)\n\n", profile.runs, total_us);
    for (const auto& [kernel, us] : by_kernel) {
        text += fmt::format("{:10.1f} us {:5.1f} %  {}\n", us, share(us), kernel);
    }
    text += "\n";
    for (const auto& [us, info] : steps_us) {
        text += fmt::format("{:10.1f} us {:5.1f} %  {:22} {:24} {}\n", us, share(us), info->kernel,
                            info->output, info->node);
    }
    return text;
}

json::Object json_of(Profile& profile, std::string_view device) {
    json::Array steps;
    for (StepRow& step : profile.steps) {
        steps.push_back(json::Object{{"node", step.info.node},
                                     {"kernel", step.info.kernel},
                                     {"output", step.info.output},
                                     {"p50_us", step.median_us()}});
    }
    return {{"device", std::string(device)},
            {"runs", profile.runs},
            {"steps", std::move(steps)},
            {"how", "measured"}};
}

Status run(World& world, const Arguments& arguments) {
    const Duration length = HF_TRY(seconds_option(arguments, "seconds"));
    const LoadedModel loaded = HF_TRY(load_model(world, arguments.get("FILE"), arguments));
    const std::vector<Tensor> inputs =
        HF_TRY(read_inputs(world, loaded.model->signature(), arguments.all("input"), "random"));
    const std::shared_ptr<runtime::Crew> crew = HF_TRY(make_crew(world, arguments));
    Profile profile = HF_TRY(measure(world, {*loaded.model, inputs, length, crew}));
    if (arguments.has("trace")) {
        const std::string text = json::write(trace_of(profile)) + "\n";
        HF_TRY(world.files.write(arguments.get("trace"), to_bytes(text)));
    }
    world.out(arguments.flag("json") ? json::write(json_of(profile, loaded.model->device())) + "\n"
                                     : text_of(profile));
    return {};
}

}  // namespace

Command profile_command() {
    std::vector<Option> options{
        {"--seconds", "how long to measure", "S", "2"},
        {"-i,--input", "as for run; random by default", "NAME=SOURCE", "", true},
        threads_option(),
        {"--trace", "write the last run as a trace, for ui.perfetto.dev", "OUT.json"}};
    for (Option& option : device_options()) options.push_back(std::move(option));
    options.push_back({"--json", "as JSON", ""});
    return {"profile",
            "Shows where a model's time goes: each operation's median on this machine",
            {{"FILE", "an ONNX or TFLite model, or a plan"}},
            std::move(options),
            {"holdfast profile model.onnx", "holdfast profile model.plan --trace trace.json"},
            run};
}

}  // namespace hf::cli

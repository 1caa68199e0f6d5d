#include "cli/up/demo.h"

#include <deque>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/remote_scorer.h"
#include "http/client.h"
#include "stream/alerts.h"
#include "stream/simulated_machine.h"
#include "trust/receipt.h"

namespace hf::cli {
namespace {

constexpr std::string_view kService = "pump";
constexpr std::string_view kReference = "pump-vibration:v1";
constexpr std::uint64_t kSeed = 7;
constexpr std::int64_t kLearnedHours = 336;
constexpr Duration kReadyPatience = std::chrono::seconds(30);

// The live pump's bearing begins to wear after this much of its own time, and is worn out after as
// much again: about six and twelve seconds of ours.
constexpr Duration kFaultAt = std::chrono::hours(5);
constexpr Duration kFaultGrowth = std::chrono::hours(5);

class RealDemo final : public Demo {
public:
    RealDemo(World& world, Instance& instance, Narrator& narrator)
        : world_(world),
          instance_(instance),
          narrator_(narrator),
          folder_(instance.data() + "/demo") {}

    Status prepare() {
        HF_TRY(world_.files.create_directories(folder_));
        const std::string data = folder_ + "/pump.csv";
        const std::string model = folder_ + "/pump.onnx";
        const std::string manifest = folder_ + "/pump.yaml";
        HF_TRY(command("simulate", {"simulate", "machine", "--hours", std::to_string(kLearnedHours),
                                    "--seed", std::to_string(kSeed), "-o", data}));
        HF_TRY(command("fit", {"fit", "anomaly", data, "--time", "time", "--value",
                               "vibration_mm_s", "-o", model}));
        HF_TRY(
            command("push", {"push", model, std::string(kReference), "--key",
                             instance_.data() + "/keys/release.key", "--data", instance_.data()}));
        HF_TRY(world_.files.write(manifest, as_bytes(service_text())));
        HF_TRY(command("apply", {"apply", "-f", manifest, "--kubeconfig", kubeconfig()}));
        HF_TRY(command(
            "wait", {"wait", fmt::format("service/{}", kService), "--for", "condition=Ready",
                     "--timeout", format_duration(kReadyPatience), "--kubeconfig", kubeconfig()}));
        scorer_ = HF_TRY(connect_scorer({instance_.inference_url(), std::string(kService)}));
        client_ = HF_TRY(http::Client::create({}));
        return first_prediction();
    }

    Status next_reading() override {
        const stream::MachineReading reading = pump_.next();
        const BatchScores scores = HF_TRY(judge(reading));
        if (scores.scores.empty()) return {};
        const auto event = alerts_.observe(reading.time, scores.scores.front());
        if (event == stream::AlertTracker::Event::kOpened) {
            ++result_.alerts;
            narrator_.step("alert",
                           fmt::format("ALERT {} vibration {:.2f} mm/s, score {:.2f} "
                                       "(limit 1), receipt {}",
                                       format_rfc3339(reading.time), reading.vibration_mm_s,
                                       scores.scores.front(), scores.receipt));
        }
        return {};
    }

    const DemoResult& result() const override { return result_; }

    std::string what_to_try() const override {
        const std::string& program = world_.program;
        const std::string config = " --kubeconfig " + kubeconfig();
        const std::string receipt = folder_ + "/receipt.json";
        const std::string model =
            fmt::format("{}/v2/models/{}", instance_.inference_url(), kService);
        return fmt::format(
            "{0} get services{1}\n"
            "{0} describe service {2}{1}\n"
            "{0} infer {2} --input window=random{1}\n"
            "kubectl{1} get services.holdfast.dev,modelversions,nodes\n"
            "curl -s {3}\n"
            "curl -s {4}/v2/receipts/{5} -o {6}\n"
            "{0} receipt verify {6} --key {7}/receipts/log.pub\n"
            "curl -s {4}/metrics\n",
            program, config, kService, model, instance_.inference_url(), result_.last_receipt,
            receipt, instance_.data());
    }

private:
    std::string kubeconfig() const { return instance_.data() + "/kubeconfig"; }

    static std::string service_text() {
        return fmt::format(
            "apiVersion: holdfast.dev/v1\nkind: Service\nmetadata:\n  name: {}\n  namespace: "
            "default\nspec:\n  model: {}\n",
            kService, kReference);
    }

    // Runs a command as if it had been typed, its output kept for the error.
    Status command(std::string_view name, const std::vector<std::string>& words) {
        std::string said;
        World inner = world_;
        inner.out = [](std::string_view) {};
        inner.note = [&](std::string_view text) { said += text; };
        std::string typed = world_.program;
        for (const std::string& word : words) typed += " " + word;
        if (run_command_line(inner, words, all_commands()) != 0) {
            return failed_precondition("{}: {}", typed, said);
        }
        narrator_.step(name, typed);
        return {};
    }

    // Fills the window with healthy readings; the prediction for it is checked like a stranger
    // would: its receipt is fetched and verified offline.
    Status first_prediction() {
        BatchScores scores;
        while (scores.scores.empty()) scores = HF_TRY(judge(pump_.next()));
        const std::string url =
            fmt::format("{}/v2/receipts/{}", instance_.inference_url(), scores.receipt);
        http::ClientRequest request;
        request.url = url;
        const http::Response response = HF_TRY(client_->send(request).context("{}", url));
        if (response.status != 200) return unavailable("{} answered {}", url, response.status);
        const std::string folder = instance_.data() + "/receipts";
        const Bytes key = HF_TRY(world_.files.read(folder + "/log.pub", 64u << 10));
        const auto verifier = HF_TRY(trust::NoteVerifier::parse(trim_line(as_text(key))));
        HF_TRY(trust::verify_receipt_file(as_text(response.body), verifier.key(), verifier.name())
                   .status()
                   .context("{}", url));
        result_.first_verified_s = narrator_.seconds();
        narrator_.step("verified",
                       fmt::format("first prediction verified: score {:.2f}, receipt {}",
                                   scores.scores.front(), scores.receipt));
        return {};
    }

    static std::string_view trim_line(std::string_view text) {
        return text.substr(0, text.find('\n'));
    }

    // Empty scores while the window fills.
    Result<BatchScores> judge(const stream::MachineReading& reading) {
        window_.push_back(static_cast<float>(reading.vibration_mm_s));
        if (window_.size() > scorer_->window()) window_.pop_front();
        if (window_.size() < scorer_->window()) return BatchScores();
        const WindowBatch batch{{window_.begin(), window_.end()}, {reading.time}};
        BatchScores scores = HF_TRY(scorer_->score(batch));
        ++result_.predictions;
        result_.last_receipt = scores.receipt;
        return scores;
    }

    stream::MachineOptions live_pump() const {
        stream::MachineOptions options;
        options.start = world_.clock.now();
        options.fault_at = kFaultAt;
        options.fault_growth = kFaultGrowth;
        return options;
    }

    World& world_;
    Instance& instance_;
    Narrator& narrator_;
    const std::string folder_;
    std::unique_ptr<Scorer> scorer_;
    std::unique_ptr<http::Client> client_;
    stream::SimulatedMachine pump_{live_pump(), Rng(kSeed + 1)};
    std::deque<float> window_;
    stream::AlertTracker alerts_{stream::AlertOptions{}};
    DemoResult result_;
};

}  // namespace

void Narrator::step(std::string_view name, const std::string& text) {
    if (json_) {
        world_.out(
            json::write(json::Object{{"seconds", seconds()}, {"step", name}, {"text", text}}) +
            "\n");
    } else {
        world_.out(fmt::format("{:7.2f} s  {}\n", seconds(), text));
    }
}

void Narrator::say(const std::string& text) {
    if (!json_) world_.out(text);
}

double Narrator::seconds() const {
    return std::chrono::duration<double>(world_.clock.monotonic() - start_).count();
}

Result<std::unique_ptr<Demo>> Demo::prepare(World& world, Instance& instance, Narrator& narrator) {
    auto demo = std::make_unique<RealDemo>(world, instance, narrator);
    HF_TRY(demo->prepare());
    return std::unique_ptr<Demo>(std::move(demo));
}

}  // namespace hf::cli

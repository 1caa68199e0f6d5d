#include "runner/command.h"

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "runner/io.h"
#include "runtime/plan_file.h"
#include "tensor/npy.h"

namespace hf::runner {
namespace {

constexpr std::uint64_t kSeed = 42;  // as `holdfast run` draws
constexpr std::int64_t kMaxRuns = 100'000'000;
constexpr std::size_t kShownElements = 8;

Result<Tensor> read_tensor(const std::string& source, const runtime::Port& port) {
    if (source == "zeros") return Tensor(port.dtype, port.shape);
    if (source == "random") {
        Rng rng(kSeed);
        return random_tensor(port.dtype, port.shape, rng);
    }
    const Bytes bytes = HF_TRY(read_file(source));
    return parse_npy(bytes).context("{}", source);
}

Result<std::vector<Tensor>> read_inputs(const runtime::Signature& signature,
                                        const std::vector<std::string>& given) {
    const std::vector<runtime::Port>& ports = signature.inputs;
    std::vector<std::string> sources(ports.size());
    std::string names;
    for (const runtime::Port& port : ports) names += " " + port.name;
    for (const std::string& word : given) {
        const std::size_t equals = word.find('=');
        const bool named = equals != std::string::npos;
        std::size_t index = 0;
        while (named && index < ports.size() && ports[index].name != word.substr(0, equals)) {
            ++index;
        }
        if (index >= ports.size() || (!named && ports.size() != 1)) {
            return invalid_argument("--input {}: want NAME=SOURCE with one of these names:{}", word,
                                    names);
        }
        sources[index] = named ? word.substr(equals + 1) : word;
    }
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (sources[i].empty()) {
            return invalid_argument("input '{}' is not given; add --input {}=FILE.npy (or random)",
                                    ports[i].name, ports[i].name);
        }
        inputs.push_back(HF_TRY(read_tensor(sources[i], ports[i]).context("{}", ports[i].name)));
    }
    return inputs;
}

template <typename T>
std::string first_elements(const Tensor& tensor) {
    const std::span<const T> values = tensor.values<T>();
    std::string text = "[";
    for (std::size_t i = 0; i < std::min(values.size(), kShownElements); ++i) {
        if (i > 0) text += ',';
        text += fmt::format("{}", values[i]);
    }
    return text + (values.size() > kShownElements ? "] ..." : "]");
}

std::string preview(const Tensor& tensor) {
    switch (tensor.dtype()) {
        case DType::kF32: return first_elements<float>(tensor);
        case DType::kI8: return first_elements<std::int8_t>(tensor);
        case DType::kU8:
        case DType::kBool: return first_elements<std::uint8_t>(tensor);
        case DType::kI32: return first_elements<std::int32_t>(tensor);
        case DType::kI64: return first_elements<std::int64_t>(tensor);
        default: return "(shown by --output)";
    }
}

std::string file_name(std::string name) {
    for (char& c : name) {
        if (c == '/' || c == ':' || c == '\0') c = '_';
    }
    if (name.starts_with('.')) name[0] = '_';
    return name + ".npy";
}

Status give(const Words& words, const runtime::Signature& signature,
            const std::vector<Tensor>& outputs) {
    if (words.output == "-" && outputs.size() != 1) {
        return invalid_argument("--output -: there are {} outputs; give a folder", outputs.size());
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const std::string& name = signature.outputs[i].name;
        if (words.output.empty()) {
            print(fmt::format("{} {}[{}] {}\n", name, dtype_name(outputs[i].dtype()),
                              outputs[i].shape().to_string(), preview(outputs[i])));
            continue;
        }
        const std::string path = words.output == "-"
                                     ? words.output
                                     : fmt::format("{}/{}", words.output, file_name(name));
        const Bytes bytes = HF_TRY(write_npy(outputs[i]));
        HF_TRY(write_file(path, bytes));
    }
    return {};
}

double microseconds() {
    struct timespec now {};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

Status measure(runtime::Session& session, std::span<const Tensor> inputs, std::uint64_t runs) {
    std::vector<double> times;
    for (std::uint64_t i = 0; i < runs; ++i) {
        const double start = microseconds();
        HF_TRY(session.run(inputs).status());
        times.push_back(microseconds() - start);
    }
    std::sort(times.begin(), times.end());
    print(fmt::format("{} runs: min {:.1f} us, median {:.1f} us\n", runs, times.front(),
                      times[times.size() / 2]));
    return {};
}

}  // namespace

Result<Words> parse_words(const std::vector<std::string>& words, bool carries) {
    Words parsed;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "-h" || word == "--help") {
            parsed.help = true;
        } else if (word == "--steps") {
            parsed.steps = true;
        } else if (word == "-i" || word == "--input" || word == "-o" || word == "--output" ||
                   word == "--bench") {
            if (i + 1 == words.size()) return invalid_argument("{} needs a value", word);
            const std::string& value = words[++i];
            if (word.ends_with("-i") || word.ends_with("input")) {
                parsed.inputs.push_back(value);
            } else if (word == "--bench") {
                const std::int64_t runs = HF_TRY(parse_int(value).context("--bench"));
                if (runs < 1 || runs > kMaxRuns) {
                    return invalid_argument("--bench: {} is outside 1 to {}", runs, kMaxRuns);
                }
                parsed.runs = static_cast<std::uint64_t>(runs);
            } else {
                parsed.output = value;
            }
        } else if (word.starts_with('-') || carries || !parsed.plan.empty()) {
            return invalid_argument("unexpected word '{}'; --help shows those there are", word);
        } else {
            parsed.plan = word;
        }
    }
    if (!carries && parsed.plan.empty() && !parsed.help) {
        return invalid_argument("name a plan, as `holdfast compile MODEL -o OUT.plan` makes it");
    }
    return parsed;
}

std::string help_text(bool carries) {
    return fmt::format(
        "Runs {} once, on vector kernels and one thread.\n\n"
        "Usage: {} [OPTIONS]\n\n"
        "  -i, --input [NAME=]SOURCE  one an input: FILE.npy, - (.npy on standard input), random,\n"
        "                             zeros\n"
        "  -o, --output DIR           writes each output as DIR/NAME.npy; -: the one output, as\n"
        "                             .npy on standard output\n"
        "  --bench N                  runs N times and says how long a run takes\n"
        "  --steps                    lists the operations and their kernels\n",
        carries ? "the model in this program" : "a plan of `holdfast compile`",
        carries ? "PROGRAM" : "holdfast-run PLAN");
}

Status run(const Words& words, ByteView own) {
    const ByteView plan = words.plan.empty() ? own : HF_TRY(map_file(words.plan));
    const std::string place = words.plan.empty() ? "the model in this program" : words.plan;
    const auto model = HF_TRY(runtime::open_plan(plan, nullptr, nullptr).context("{}", place));
    if (words.steps) {
        for (const runtime::StepInfo& step : model->steps()) {
            print(fmt::format("{:22} {:18} {}\n", step.kernel, step.output, step.node));
        }
        return {};
    }
    const std::vector<Tensor> inputs = HF_TRY(read_inputs(model->signature(), words.inputs));
    const std::unique_ptr<runtime::Session> session = HF_TRY(model->new_session());
    if (words.runs > 0) return measure(*session, inputs, words.runs);
    const std::vector<Tensor> outputs = HF_TRY(session->run(inputs));
    return give(words, model->signature(), outputs);
}

}  // namespace hf::runner

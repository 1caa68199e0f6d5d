#include <limits>

#include "serve/conform/asks.h"
#include "serve/conform/cases.h"
#include "serve/conform/judges.h"
#include "serve/conform/sources.h"
#include "tensor/json.h"

namespace hf::serve::conform {
namespace {

constexpr DType kTypes[] = {DType::kBool, DType::kU8,  DType::kU16, DType::kU32,   DType::kU64,
                            DType::kI8,   DType::kI16, DType::kI32, DType::kI64,   DType::kF16,
                            DType::kBF16, DType::kF32, DType::kF64, DType::kString};

// The first input of that datatype that has elements.
Result<std::size_t> input_of(const Subject& subject, DType dtype) {
    if (!subject.trouble.empty()) return failed_precondition("{}", subject.trouble);
    for (std::size_t i = 0; i < subject.inputs.size(); ++i) {
        const ModelPort& port = subject.inputs[i];
        if (port.dtype == dtype && port.extents.elements() > 0) return i;
    }
    return failed_precondition("no input is {}", oip_name(dtype));
}

template <typename T>
void cycle(Tensor& tensor, std::initializer_list<T> values) {
    std::size_t i = 0;
    for (T& element : tensor.mutable_values<T>()) element = values.begin()[i++ % values.size()];
}

template <typename T>
void cycle_integers(Tensor& tensor) {
    cycle<T>(tensor, {std::numeric_limits<T>::max(), std::numeric_limits<T>::min(), T{1}, T{0}});
}

// The least and the largest values of the type, the smallest above zero, and texts of more than one
// byte a letter.
Tensor edges(const ModelPort& port) {
    Tensor tensor(port.dtype, port.extents);
    constexpr float kFloatMax = std::numeric_limits<float>::max();
    switch (port.dtype) {
        case DType::kBool: cycle<std::uint8_t>(tensor, {1, 0}); break;
        case DType::kU8: cycle_integers<std::uint8_t>(tensor); break;
        case DType::kU16: cycle_integers<std::uint16_t>(tensor); break;
        case DType::kU32: cycle_integers<std::uint32_t>(tensor); break;
        case DType::kU64: cycle_integers<std::uint64_t>(tensor); break;
        case DType::kI8: cycle_integers<std::int8_t>(tensor); break;
        case DType::kI16: cycle_integers<std::int16_t>(tensor); break;
        case DType::kI32: cycle_integers<std::int32_t>(tensor); break;
        case DType::kI64: cycle_integers<std::int64_t>(tensor); break;
        case DType::kF16: cycle<std::uint16_t>(tensor, {0x7bff, 0xfbff, 0x0400, 0x3c01}); break;
        case DType::kBF16: cycle<std::uint16_t>(tensor, {0x7f7f, 0xff7f, 0x0080, 0x3f81}); break;
        case DType::kF32:
            cycle<float>(tensor, {kFloatMax, -kFloatMax, 1.1754944e-38F, 0.1F});
            break;
        // Not the last ones: JSON leaves readers the last bits of a double.
        case DType::kF64: cycle<double>(tensor, {1e300, -1e300, 1e-300, 0.1}); break;
        case DType::kString: {
            static const std::vector<std::string> texts{"", "a", "\u00e4\u65e5\U0001f600",
                                                        "\"\\\n"};
            std::size_t i = 0;
            for (std::string& text : tensor.mutable_strings()) text = texts[i++ % texts.size()];
            break;
        }
        case DType::kC64:
        case DType::kC128: break;  // no datatype of the protocol
    }
    return tensor;
}

// The request with that one input in that form, and the others as JSON.
Ask send_one(DType dtype, bool binary, Tensor (*make)(const ModelPort&)) {
    Ask ask = [=](const Subject& subject) -> Result<Turns> {
        const std::size_t index = HF_TRY(input_of(subject, dtype));
        std::vector<Sent> inputs = examples(subject, false);
        inputs[index] = {make(subject.inputs[index]), binary};
        http::WireTurn turn;
        turn.bytes = HF_TRY(write_request(subject, draft_of(subject, inputs)));
        return Turns{turn};
    };
    return binary ? when_announced("binary_tensor_data", std::move(ask)) : ask;
}

// JSON twice, then the same values as binary data.
Ask edges_in_both_forms(DType dtype) {
    return [dtype](const Subject& subject) -> Result<Turns> {
        Turns turns;
        for (const bool binary : {false, false, true}) {
            for (http::WireTurn& turn : HF_TRY(send_one(dtype, binary, edges)(subject))) {
                turn.fresh = true;
                turns.push_back(std::move(turn));
            }
        }
        return turns;
    };
}

// Where the model refuses such values there is nothing to compare.
Status same_unless_refused(const Subject& subject, const Answers& answers) {
    if (check_error(answers.front()).ok()) {
        return failed_precondition("the model refuses the least and largest values");
    }
    return same_as_plain()(subject, answers);
}

// Binary data of a size that is not the tensor's, and said to be.
Ask wrong_size(DType dtype, int more) {
    Ask ask = [=](const Subject& subject) -> Result<Turns> {
        const std::size_t index = HF_TRY(input_of(subject, dtype));
        std::vector<Sent> inputs = examples(subject, false);
        inputs[index].binary = true;
        Draft draft = draft_of(subject, inputs);
        if (more > 0) draft.binary.push_back(1);
        if (more < 0) draft.binary.pop_back();
        json::Object& input = draft.object["inputs"].as_array()[index].as_object();
        input["parameters"] = json::Object{{"binary_data_size", draft.binary.size()}};
        http::WireTurn turn;
        turn.bytes = HF_TRY(write_request(subject, draft));
        return Turns{turn};
    };
    return when_announced("binary_tensor_data", std::move(ask));
}

// Every output of the datatype, and no other.
Ask ask_outputs(DType dtype, bool binary) {
    return infer([=](const Subject& subject, Draft& draft) -> Status {
        json::Array outputs;
        for (const ModelPort& port : subject.outputs) {
            if (port.dtype != dtype) continue;
            json::Object output{{"name", port.name}};
            if (binary) output["parameters"] = json::Object{{"binary_data", true}};
            outputs.push_back(std::move(output));
        }
        if (outputs.empty()) return failed_precondition("no output is {}", oip_name(dtype));
        draft.object["outputs"] = std::move(outputs);
        return {};
    });
}

// In that form, and at least one.
Judge all_are(bool binary) {
    return infers_and([binary](const Subject&, const AnswerRead& read) -> Status {
        for (const OutputRead& output : read.outputs) {
            if (output.binary == binary) continue;
            return invalid_argument("output {} comes as {}", output.name,
                                    output.binary ? "binary data" : "JSON");
        }
        return read.outputs.empty() ? invalid_argument("/outputs: none") : Status();
    });
}

Ask element_is_object(DType dtype) {
    return [dtype](const Subject& subject) -> Result<Turns> {
        const std::size_t index = HF_TRY(input_of(subject, dtype));
        Draft draft = json_draft(subject);
        json::Object& input = draft.object["inputs"].as_array()[index].as_object();
        input["data"].as_array()[0] = json::Object();
        http::WireTurn turn;
        turn.bytes = HF_TRY(write_request(subject, draft));
        return Turns{turn};
    };
}

// The first input says that it is of this datatype, and is not.
Ask claims_to_be(DType dtype) {
    return infer([dtype](const Subject& subject, Draft& draft) -> Status {
        if (subject.inputs.front().dtype == dtype) {
            return failed_precondition("the first input is {}", oip_name(dtype));
        }
        return set_input("datatype", json::Value(std::string(oip_name(dtype))))(subject, draft);
    });
}

}  // namespace

std::vector<Case> datatype_cases() {
    std::vector<Case> cases;
    for (const DType dtype : kTypes) {
        const std::string type(oip_name(dtype));
        const auto add = [&](std::string_view name, std::string asks, Case one) {
            one.name = fmt::format("{}_{}", type, name);
            one.asks = fmt::format("{}: {}", type, asks);
            cases.push_back(std::move(one));
        };
        // 16 bits have no form in JSON that all servers share.
        const bool problematic = dtype == DType::kF16 || dtype == DType::kBF16;
        add("output_json",
            problematic ? "outputs come as JSON, or are refused" : "outputs come as JSON",
            {"", "", source::kElement, ask_outputs(dtype, false),
             problematic ? either() : all_are(false)});
        add("edges", "its least and largest values are answered, or refused by the model",
            {"", "", source::kDataTypes, send_one(dtype, false, edges), either()});
        add("edges_same", "they mean the same as JSON and as binary data",
            {"", "", source::kBinaryForm, edges_in_both_forms(dtype), same_unless_refused});
        add("binary", "binary data is answered",
            {"", "", source::kBinaryForm, send_one(dtype, true, example), infers()});
        add("output", "outputs come as binary data of the tensor's size",
            {"", "", source::kBinarySize,
             when_announced("binary_tensor_data", ask_outputs(dtype, true)), all_are(true)});
        add("byte_less", "one byte too few is an error",
            {"", "", source::kBinarySize, wrong_size(dtype, -1), refuses()});
        add("byte_more", "one byte too many is an error",
            {"", "", source::kBinarySize, wrong_size(dtype, 1), refuses()});
        add("element_object", "an element that is an object is an error",
            {"", "", source::kElement, element_is_object(dtype), refuses()});
        add("claimed", "claimed for an input that is another: coerced, or refused",
            {"", "", source::kRequestInput, claims_to_be(dtype), either()});
    }
    return cases;
}

}  // namespace hf::serve::conform
